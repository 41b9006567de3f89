// One step back for one thing that a person did. Streamlit writes an address into the browser's
// history whenever a run changes it: on the way to another page first the old page's without what
// was chosen there, or with what belongs to the new one, then the new page's, then once more what a
// run leaves out of that. Back would lead to places where nobody has been.

// Whether what the person did last, if anything, has an entry.
let isWritten = true;

export default function keepOneEntryAStep() {
  if (window.orchardHistory) return;
  window.orchardHistory = true;
  for (const deed of ["pointerdown", "keydown", "click"]) {
    window.addEventListener(deed, () => { isWritten = false; }, true);
  }
  // The entry that was gone back to stays, and so do those after it.
  window.addEventListener("popstate", () => { isWritten = true; }, true);
  const push = history.pushState.bind(history);
  history.pushState = (...entry) => {
    if (isWritten) history.replaceState(...entry);
    else push(...entry);
    isWritten = true;
  };
}
