// Keys of the monitor: [ and ] go to the expiry before and after the one shown.

const STEPS = { "[": -1, "]": 1 };

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function goToExpiry(step) {
  const tabs = [...document.querySelectorAll("#monitor-sight .tabs__tab")];
  const here = tabs.findIndex((tab) => tab.hasAttribute("aria-current"));
  const next = tabs[here + step];
  next?.click();
  return Boolean(next);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const step = STEPS[event.key];
  if (step && goToExpiry(step)) event.preventDefault();
});
