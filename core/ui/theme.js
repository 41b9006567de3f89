// Colours that Python has chosen, such as those of charts, are of the theme at the last run, and
// Streamlit begins no run when the theme changes.

export default function drawAnewInTheThemeThatIsShown({ data, setTriggerValue }) {
  const app = document.querySelector("[data-testid=stApp]");
  const ask = () => {
    const shown = getComputedStyle(app).colorScheme;
    // Once: a run that has not heard of the change yet would be followed by another without end.
    const isAsked = window.orchardTheme.asked === shown;
    window.orchardTheme.asked = shown === data.drawn ? undefined : shown;
    if (shown !== data.drawn && !isAsked) setTriggerValue("changed", shown);
  };
  window.orchardTheme?.observer.disconnect();
  window.orchardTheme = { asked: window.orchardTheme?.asked, observer: new MutationObserver(ask) };
  window.orchardTheme.observer.observe(app, { attributes: true, attributeFilter: ["class"] });
  // The theme may have changed before this was here to see it.
  ask();
}
