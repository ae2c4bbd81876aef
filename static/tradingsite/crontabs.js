// Says in words what the chosen crontab of a periodic task means.

const words = JSON.parse(document.getElementById("readable-crontabs").textContent);
const choice = document.getElementById("id_crontab");
const help = document.querySelector(".field-crontab .help");

function translate() {
  const meaning = words[choice.value];
  help.textContent = meaning ? `Translation: ${meaning}` : "";
}

document.querySelector(".field-crontab_translation")?.setAttribute("hidden", "");
if (choice && help) {
  choice.addEventListener("change", translate);
  translate();
}
