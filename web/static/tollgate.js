// Small comforts; every page works without this file.
"use strict";

// -- theme: as the system says, or dark, or light ------------------------------------------
(() => {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  const root = document.documentElement;
  const order = ["auto", "dark", "light"];
  const show = () => {
    const name = root.dataset.theme || "auto";
    const { says } = button.dataset;
    button.querySelector("[data-theme-name]").textContent = button.dataset[name];
    button.title = `${says}: ${button.dataset[name]}`;
    button.setAttribute("aria-label", `${says}: ${button.dataset[name]}`);
  };
  button.addEventListener("click", () => {
    const next = order[(order.indexOf(root.dataset.theme || "auto") + 1) % order.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "auto") localStorage.removeItem("tollgate-theme");
      else localStorage.setItem("tollgate-theme", next);
    } catch (error) {
      // not kept for the next page, then
    }
    show();
  });
  show();
  button.hidden = false;
})();

// -- times: UTC on the page, the reader's zone as a tooltip --------------------------------
const addLocalTimes = (within) => {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    if (!Number.isNaN(when.getTime())) {
      time.title = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  }
};
addLocalTimes(document);

// -- parts of a page that renew themselves -------------------------------------------------
(() => {
  const part = document.querySelector("[data-refresh]");
  const tools = document.querySelector("[data-refresh-tools]");
  if (!part || !tools) return;
  const state = tools.querySelector("[data-refresh-state]");
  const pause = tools.querySelector("[data-refresh-pause]");
  const every = Number(part.dataset.every);
  let paused = false;
  let failures = 0;

  const say = (text) => {
    if (state.textContent !== text) state.textContent = text;
  };

  // Renewing would take away what somebody is marking to copy, or typing.
  const inUse = () => {
    const selection = document.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  };

  const put = (html) => {
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const href = focused && focused.getAttribute("href");
    const scroller = part.querySelector(".scroll");
    const [left, top] = scroller ? [scroller.scrollLeft, scroller.scrollTop] : [0, 0];
    part.innerHTML = html; // our own page, escaped by the server; the policy runs no script in it
    addLocalTimes(part);
    const again = part.querySelector(".scroll");
    if (again) {
      again.scrollLeft = left;
      again.scrollTop = top;
    }
    if (href) {
      const link = [...part.querySelectorAll("a")].find((a) => a.getAttribute("href") === href);
      if (link) link.focus({ preventScroll: true });
    } else if (focused && again) {
      again.focus({ preventScroll: true });
    }
  };

  const renew = async () => {
    if (paused || document.hidden || inUse()) return;
    try {
      const answer = await fetch(part.dataset.refresh, { signal: AbortSignal.timeout(10000) });
      if (answer.status === 401) {
        location.reload(); // the session is over: the server leads to sign-in and back here
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      if (paused) return;
      put(html);
      failures = 0;
      say(tools.dataset.live);
      part.classList.remove("stale");
    } catch (error) {
      failures += 1;
      say(tools.dataset.lost);
      part.classList.add("stale");
    }
  };

  const loop = async () => {
    await renew();
    setTimeout(loop, every * Math.min(8, 1 + failures));
  };

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? tools.dataset.goOn : tools.dataset.pause;
    say(paused ? tools.dataset.paused : tools.dataset.live);
    if (!paused) renew();
  });
  document.addEventListener("visibilitychange", renew);
  tools.hidden = false;
  say(tools.dataset.live);
  setTimeout(loop, every);
})();
