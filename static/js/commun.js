// Commun à toutes les pages. Sans lui, tout marche encore : il évite les doubles envois et guide le focus.

// <form data-une-fois> : un seul envoi. Le bouton n'est désactivé qu'après l'envoi, pour que sa valeur parte avec.
document.addEventListener("submit", (evenement) => {
  const formulaire = evenement.target;
  if (!formulaire.matches("form[data-une-fois]") || evenement.defaultPrevented) return;
  if (formulaire.dataset.envoye) {
    evenement.preventDefault();
    return;
  }
  formulaire.dataset.envoye = "oui";
  setTimeout(() => activerLesBoutons(formulaire, false));
});

// Page reprise du cache par le bouton « Précédent » : le formulaire doit pouvoir repartir.
window.addEventListener("pageshow", (evenement) => {
  if (!evenement.persisted) return;
  for (const formulaire of document.querySelectorAll("form[data-envoye]")) {
    delete formulaire.dataset.envoye;
    activerLesBoutons(formulaire, true);
  }
});

// La page d'où l'on s'est déconnecté est gardée telle quelle par le navigateur : le bouton « Précédent » la redemande.
let deconnexion = false;
document.addEventListener("submit", ({ target }) => {
  if (target.matches("form[data-deconnexion]")) deconnexion = true;
});
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted && deconnexion) location.reload();
});

function activerLesBoutons(formulaire, actifs) {
  for (const bouton of formulaire.querySelectorAll("button[type=submit]")) bouton.disabled = !actifs;
}

// <details data-menu> : Échap le referme et rend le focus à son bouton ; en sortir le referme.
for (const menu of document.querySelectorAll("details[data-menu]")) {
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  for (const nom of ["focusin", "click"]) {
    document.addEventListener(nom, ({ target }) => menu.contains(target) || (menu.open = false));
  }
}

// Session expirée : la page de connexion ne remplace jamais un morceau de page, ce qui est tapé reste à l'écran.
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (new URL(detail.xhr.responseURL, location).pathname === document.body.dataset.connexion) detail.shouldSwap = false;
});

// Le résumé des erreurs est lu en premier.
document.querySelector("[data-prend-le-focus]")?.focus();
