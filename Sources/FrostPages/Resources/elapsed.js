// Elapsed time of a running operation. The server renders its constant start time, so that a refresh changes nothing.

function showElapsed() {
  for (const time of document.querySelectorAll("time[data-elapsed]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
    const text = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    if (time.textContent !== text) {
      time.textContent = text;
    }
  }
}

setInterval(showElapsed, 1000);
