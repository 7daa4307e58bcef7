// What is said while frost does not answer: the page shows what it last heard, and from when that is.

/** When the page was last as the server has it. */
let heardAt = new Date();

/** How long one answer may take, in milliseconds. */
const timeout = 10000;

/** A server between here and frost says so in its stead. */
function isGone(response) {
  return [502, 503, 504].includes(response.status);
}

function timeText(moment) {
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? time : `${time} on ${moment.toLocaleDateString()}`;
}

/** When this page was last about to be left, which ends what it asks for. */
let leftAt = 0;
window.addEventListener("beforeunload", () => { leftAt = Date.now(); });

function showLost() {
  if (Date.now() - leftAt < timeout) {
    return;
  }
  const banner = document.getElementById("lost");
  const text = `Frost does not answer. This page shows the state of ${timeText(heardAt)}.`;
  // A text that stays the same is not said again.
  if (banner.hidden || banner.textContent !== text) {
    banner.textContent = text;
    banner.hidden = false;
  }
  document.documentElement.dataset.lost = "";
}

function heard() {
  heardAt = new Date();
  const banner = document.getElementById("lost");
  if (!banner.hidden) {
    banner.hidden = true;
    banner.textContent = "";
    delete document.documentElement.dataset.lost;
    announce("Frost answers again.");
  }
}
