// La sélection d'actions : compte les cases cochées et permet de cocher toute la page, elle seule. Sans lui, les cases suffisent.

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
  const toutes = cases.length > 1 ? `Cocher les ${cases.length} de cette page` : "Cocher l’action de cette page";
  bouton.textContent = toutes;
  bouton.addEventListener("click", () => {
    const cocher = [...cases].some((c) => !c.checked);
    for (const c of cases) c.checked = cocher;
    bouton.textContent = cocher ? "Tout décocher" : toutes;
    compter();
  });
  compte.before(bouton);
  document.addEventListener("change", compter); // les cases sont hors du formulaire ; une saisie retrouvée les recoche
  compter();
}
