// Before the first paint: the reader's own choice of theme, if there is one.
"use strict";
(() => {
  try {
    const chosen = localStorage.getItem("tollgate-theme");
    if (chosen === "light" || chosen === "dark") {
      document.documentElement.dataset.theme = chosen;
    }
  } catch (error) {
    // storage is forbidden: the system's theme it is
  }
})();
