"use strict";

// The border between the two pictures of a frame: moved by its slider, or by pointing at them.
for (const frame of document.querySelectorAll(".frame")) {
  const stage = frame.querySelector(".stage");
  const range = frame.querySelector(".border input");
  const move = () => {
    stage.style.setProperty("--border", `${range.value}%`);
    range.setAttribute("aria-valuetext", `border at ${Math.round(range.value)} %`);
  };
  const point = (event) => {
    const box = stage.getBoundingClientRect();
    range.value = (100 * (event.clientX - box.left)) / box.width;
    move();
  };
  range.addEventListener("input", move);
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    stage.setPointerCapture(event.pointerId);
    point(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) point(event);
  });
  move();
}

// A timeline is read out where its slider stands, or where its charts are pointed at.
for (const timeline of document.querySelectorAll(".timeline")) {
  const readings = JSON.parse(timeline.querySelector("script").textContent);
  const range = timeline.querySelector(".reader input");
  const output = timeline.querySelector("output");
  const cursors = timeline.querySelectorAll(".cursor");
  const read = () => {
    const [place, words] = readings[range.value];
    for (const cursor of cursors) {
      cursor.setAttribute("x1", `${100 * place}%`);
      cursor.setAttribute("x2", `${100 * place}%`);
    }
    output.textContent = words;
    range.setAttribute("aria-valuetext", words);
    timeline.classList.add("read");
  };
  range.addEventListener("input", read);
  for (const field of timeline.querySelectorAll(".field")) {
    field.addEventListener("pointermove", (event) => {
      const box = field.getBoundingClientRect();
      const place = (event.clientX - box.left) / box.width;
      let nearest = 0;
      readings.forEach(([each], index) => {
        if (Math.abs(each - place) < Math.abs(readings[nearest][0] - place)) nearest = index;
      });
      range.value = nearest;
      read();
    });
  }
}

// Of panels that belong to a choice, the chosen one is shown.
for (const select of document.querySelectorAll("select[data-panels]")) {
  const panels = document.querySelectorAll(`[data-panel="${select.dataset.panels}"]`);
  const show = () => panels.forEach((panel, index) => (panel.hidden = index !== select.selectedIndex));
  select.addEventListener("change", show);
  show();
}
