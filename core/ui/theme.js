// Colours that Python has chosen, such as those of charts, are of the theme at the last run, and
// Streamlit begins no run when the theme changes.

export default function runAgainInAnotherTheme({ setTriggerValue }) {
  const app = document.querySelector("[data-testid=stApp]");
  const scheme = () => getComputedStyle(app).colorScheme;
  let shown = scheme();
  window.orchardTheme?.disconnect();
  window.orchardTheme = new MutationObserver(() => {
    if (scheme() === shown) return;
    shown = scheme();
    setTriggerValue("changed", shown);
  });
  window.orchardTheme.observe(app, { attributes: true, attributeFilter: ["class"] });
}
