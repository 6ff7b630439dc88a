// La sélection d'actions : compte les cases cochées et permet de tout cocher. Sans lui, les cases suffisent.

for (const formulaire of document.querySelectorAll("form[data-selection]")) {
  const cases = document.querySelectorAll(`input[type=checkbox][form=${formulaire.id}]`);
  const compte = formulaire.querySelector("[data-compte]");

  const compter = () => {
    const nombre = [...cases].filter((c) => c.checked).length;
    compte.textContent = nombre ? `${nombre} ${nombre > 1 ? "actions choisies" : "action choisie"}` : "";
  };

  const bouton = document.createElement("button");
  bouton.type = "button";
  bouton.className = "fr-btn fr-btn--tertiary fr-btn--sm";
  bouton.textContent = "Tout cocher";
  bouton.addEventListener("click", () => {
    const cocher = [...cases].some((c) => !c.checked);
    for (const c of cases) c.checked = cocher;
    bouton.textContent = cocher ? "Tout décocher" : "Tout cocher";
    compter();
  });
  compte.before(bouton);
  for (const c of cases) c.addEventListener("change", compter);
  compter();
}
