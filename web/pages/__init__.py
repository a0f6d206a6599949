"""One module a page: parse what was asked, call one service, render."""
