// The shell of every page: theme, keys, menus, toasts, and parts that refresh themselves.

const SEQUENCE_MS = 1200;
const TOAST_MS = 6000;

// --- theme --------------------------------------------------------------------

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function shownTheme() {
  return root.dataset.theme || (prefersDark.matches ? "dark" : "light");
}

function labelThemeButton() {
  const button = document.querySelector("[data-theme-toggle]");
  if (!button) return;
  const other = shownTheme() === "dark" ? "light" : "dark";
  button.setAttribute("aria-label", `Use the ${other} theme`);
  button.title = `Use the ${other} theme`;
  for (const icon of button.querySelectorAll("[data-theme-icon]")) {
    icon.toggleAttribute("hidden", icon.dataset.themeIcon !== other);
  }
}

function toggleTheme() {
  const next = shownTheme() === "dark" ? "light" : "dark";
  root.dataset.theme = next;
  localStorage.setItem("theme", next);
  labelThemeButton();
}

// --- keys ---------------------------------------------------------------------

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function focusSearch() {
  const search = document.querySelector("[data-search]");
  search?.focus();
  search?.select();
  return Boolean(search);
}

function toggleHelp() {
  const help = document.querySelector("[data-help]");
  if (!help) return false;
  if (help.open) help.close();
  else help.showModal();
  return true;
}

function goTo(key) {
  const link = document.querySelector(`[data-go="${key}"]`);
  link?.click();
  return Boolean(link);
}

let goUntil = 0;

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const isSecond = performance.now() < goUntil;
  goUntil = 0;
  let isDone = false;
  if (isSecond) isDone = goTo(event.key);
  else if (event.key === "/") isDone = focusSearch();
  else if (event.key === "?") isDone = toggleHelp();
  else if (event.key === "g") goUntil = performance.now() + SEQUENCE_MS;
  if (isDone) event.preventDefault();
}

// --- menus and toasts ---------------------------------------------------------

function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (event.key === "Escape") menu.querySelector("summary").focus();
    if (event.key === "Escape" || !menu.contains(event.target)) menu.open = false;
  }
}

function startToasts() {
  for (const toast of document.querySelectorAll(".toast")) {
    toast.querySelector("button")?.addEventListener("click", () => toast.remove());
    // An error stays until it is read.
    if (!toast.classList.contains("toast--error")) setTimeout(() => toast.remove(), TOAST_MS);
  }
}

// --- parts that refresh themselves --------------------------------------------

function startLiveParts() {
  const lost = document.querySelector("[data-connection-lost]");
  const since = lost?.querySelector("time");
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: root.dataset.zone, timeStyle: "medium" });
  let answeredAt = new Date();

  function showLost() {
    if (!lost || !lost.hidden) return;
    since.textContent = clock.format(answeredAt);
    lost.hidden = false;
    // What was live is not known to be: the next answer writes it anew.
    for (const badge of document.querySelectorAll("[data-live-badge].badge--good")) {
      badge.textContent = "Not heard";
      badge.className = "badge badge--warn";
    }
  }

  function wasAnswered() {
    answeredAt = new Date();
    if (lost) lost.hidden = true;
  }

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    // Nobody looks at a hidden page: it asks again when it is shown. What a stream moves
    // need not ask.
    const isLive = event.target.matches("[data-live]");
    if (isLive && (document.hidden || event.target.matches("[data-streamed]"))) event.preventDefault();
  });
  document.body.addEventListener("htmx:sendError", showLost);
  document.body.addEventListener("htmx:timeout", showLost);
  document.body.addEventListener("htmx:responseError", showLost);
  for (const heard of ["htmx:afterSwap", "stream:heard"]) {
    document.body.addEventListener(heard, wasAnswered);
  }
  document.body.addEventListener("stream:lost", ({ detail }) => {
    answeredAt = new Date(Math.max(answeredAt, detail.heardAt));
  });
}

document.addEventListener("keydown", onKey);
document.addEventListener("keydown", (event) => event.key === "Escape" && closeMenus(event));
document.addEventListener("click", closeMenus);
document.querySelector("[data-theme-toggle]")?.addEventListener("click", toggleTheme);
document.querySelector("[data-help-open]")?.addEventListener("click", toggleHelp);
document.querySelector("[data-help]")?.addEventListener("click", (event) => {
  if (event.target === event.currentTarget) event.currentTarget.close();
});
prefersDark.addEventListener("change", labelThemeButton);
labelThemeButton();
startToasts();
startLiveParts();
