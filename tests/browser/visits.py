"""One person's visit: signs in, goes from page to page, fills in forms, takes pictures."""

import re
from dataclasses import dataclass, field

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Response

from tests.browser.chromium import Album

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
REFUSED = re.compile(r"the server responded with a status of 4\d\d")
"""A page that says no is no fault of the page."""


@dataclass
class Visit:
    page: Page
    album: Album
    theme: str
    width: int
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not REFUSED.search(message.text):
            self.faults.append(message.text)

    # -- go -------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str) -> None:
        self.page.goto("/sign-in")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", password)
        with self.page.expect_navigation():
            self.page.click("main button[type=submit]")

    def go(self, path: str) -> Response:
        found = self.page.goto(path)
        assert found is not None
        return found

    @property
    def language(self) -> str:
        return self.page.get_attribute("html", "lang") or ""

    @property
    def text(self) -> str:
        return self.page.inner_text("main")

    # -- forms ----------------------------------------------------------------------------

    def fill(self, **typed: str) -> None:
        for name, value in typed.items():
            box = self.page.locator(f"main form[method=post] [name={name}]").first
            folded = box.locator("xpath=ancestor::details[not(@open)]")
            if folded.count():
                folded.first.locator("> summary").click()
            if box.evaluate("box => box.tagName") == "SELECT":
                box.select_option(value)
            else:
                box.fill(value)

    def tick(self, name: str, *values: str) -> None:
        """Exactly these of several."""
        for box in self.page.locator(f"main [name={name}]").all():
            box.set_checked(box.get_attribute("value") in values)

    def press(self, text: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=text, exact=True).click()

    def follow(self, text: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=text, exact=True).first.click()

    # -- look -----------------------------------------------------------------------------

    def picture(self, name: str) -> None:
        file = self.album.folder / f"{name}-{self.theme}-{self.width}.png"
        self.page.screenshot(path=file, full_page=True)
        self.album.taken += 1

    def violations(self) -> list[str]:
        """What axe finds against WCAG 2.2 A and AA, one line for each element."""
        options = {"runOnly": {"type": "tag", "values": list(WCAG)}, "resultTypes": ["violations"]}
        found = Axe().run(self.page, options=options)
        return [
            f"{rule['id']}: {node['target']} {node['html'][:160]}"
            for rule in found.response["violations"]
            for node in rule["nodes"]
        ]

    def overflows(self) -> bool:
        """The page is wider than the window: somebody would have to scroll sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))
