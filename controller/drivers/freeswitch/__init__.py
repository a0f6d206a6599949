"""FreeSWITCH over its Event Socket: codec, links, translation of events, plans as dialplans."""
