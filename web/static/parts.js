// Parts of pages that are fetched when they are wanted. Every page works without this file.
"use strict";

// -- the tree of agents: a branch is fetched when it is opened first ------------------------
(() => {
  const prepare = (within) => {
    for (const twist of within.querySelectorAll("button[data-branch]")) twist.hidden = false;
  };

  const open = async (twist) => {
    const item = twist.parentElement;
    let branch = item.querySelector(":scope > .branch");
    if (!branch) {
      branch = document.createElement("div");
      branch.className = "branch";
      twist.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(twist.dataset.branch, { headers: { "X-Part": "1" } });
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        branch.innerHTML = await answer.text(); // our own page, escaped by the server
      } catch (error) {
        location.href = twist.dataset.branch; // the same as a page, or the way to sign-in
        return;
      } finally {
        twist.removeAttribute("aria-busy");
      }
      prepare(branch);
      item.append(branch);
    }
    branch.hidden = false;
    twist.setAttribute("aria-expanded", "true");
  };

  const close = (twist) => {
    const branch = twist.parentElement.querySelector(":scope > .branch");
    if (branch) branch.hidden = true;
    twist.setAttribute("aria-expanded", "false");
  };

  const isOpen = (twist) => twist.getAttribute("aria-expanded") === "true";

  for (const tree of document.querySelectorAll(".tree")) {
    prepare(tree);
    tree.addEventListener("click", async (event) => {
      const twist = event.target.closest("button[data-branch]");
      if (twist) {
        if (isOpen(twist)) close(twist);
        else await open(twist);
        return;
      }
      const more = event.target.closest("a[data-more]");
      if (!more || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      try {
        const answer = await fetch(more.href, { headers: { "X-Part": "1" } });
        if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
        const part = document.createElement("div");
        part.innerHTML = await answer.text();
        prepare(part);
        const items = [...part.querySelectorAll(":scope > .branches > li")];
        more.parentElement.replaceWith(...items);
        items[0]?.querySelector("a")?.focus();
      } catch (error) {
        location.href = more.href;
      }
    });
    // Arrow keys walk what is visible; right opens and left closes, as in every tree.
    tree.addEventListener("keydown", (event) => {
      const item = event.target.closest("li");
      const twist = item?.querySelector(":scope > button[data-branch]");
      const nodes = [...tree.querySelectorAll("a.node")].filter((node) => node.offsetParent);
      const here = nodes.indexOf(item ? item.querySelector(":scope > a.node") : event.target);
      const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: nodes.length - 1 }[event.key];
      if (to !== undefined) nodes[to]?.focus();
      else if (event.key === "ArrowRight" && twist && !isOpen(twist)) open(twist);
      else if (event.key === "ArrowLeft" && twist && isOpen(twist)) close(twist);
      else if (event.key === "ArrowLeft") item?.parentElement.closest("li")?.querySelector("a.node")?.focus();
      else return;
      event.preventDefault();
    });
  }
})();

// -- fields that name an account: what fits is suggested ------------------------------------
(() => {
  for (const input of document.querySelectorAll("input[data-suggest]")) {
    let waiting = 0;
    let last = "";
    input.addEventListener("input", () => {
      clearTimeout(waiting);
      const typed = input.value.trim();
      if (typed.length < 2 || typed === last) return;
      waiting = setTimeout(async () => {
        last = typed;
        try {
          const address = `${input.dataset.suggest}?q=${encodeURIComponent(typed)}`;
          const answer = await fetch(address, { signal: AbortSignal.timeout(5000) });
          if (answer.ok && !answer.redirected) input.list.innerHTML = await answer.text();
        } catch (error) {
          // nothing is suggested, then
        }
      }, 200);
    });
  }
})();

// -- what went wrong is read first; menus close; receipts are printed -----------------------
(() => {
  document.querySelector("[data-focus]")?.focus();
  for (const here of document.querySelectorAll(".top nav [aria-current], .tabs [aria-current]")) {
    const list = here.closest("ul"); // on a narrow screen it can be scrolled out of sight
    list.scrollLeft = here.offsetLeft - list.offsetLeft - (list.clientWidth - here.offsetWidth) / 2;
  }
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
  const menus = document.querySelectorAll("details.menu, details.columns-choice");
  const closeOthers = (kept) => {
    for (const menu of menus) if (menu !== kept) menu.open = false;
  };
  document.addEventListener("click", (event) => closeOthers(event.target.closest("details")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = event.target.closest("details[open].menu, details[open].columns-choice");
    closeOthers(null);
    open?.querySelector("summary").focus();
  });
})();
