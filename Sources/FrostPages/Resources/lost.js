// The banner while frost does not answer: the page shows the last known state, and its time.

/** The time of the last update. */
let heardAt = new Date();

/** Time limit of a response, in milliseconds. */
const timeout = 10000;

/** Whether a proxy reports that frost is down. */
function isGone(response) {
  return [502, 503, 504].includes(response.status);
}

function timeText(moment) {
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? time : `${time} on ${moment.toLocaleDateString()}`;
}

/** When the user last started to leave this page, which aborts its requests. */
let leftAt = 0;
window.addEventListener("beforeunload", () => { leftAt = Date.now(); });

function showLost() {
  if (Date.now() - leftAt < timeout) {
    return;
  }
  const banner = document.getElementById("lost");
  const text = `Frost does not answer. This page shows the state of ${timeText(heardAt)}.`;
  // Do not announce an unchanged text again.
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
