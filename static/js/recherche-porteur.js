// Choisir un porteur au clavier : motif ARIA « combobox ». La recherche elle-même est faite par le serveur (htmx).

const bloc = document.querySelector("[data-porteur]");
const champ = bloc?.querySelector("[role=combobox]");
const liste = bloc?.querySelector("[role=listbox]");
const volet = bloc?.querySelector("#nouveau-porteur");
const message = bloc?.querySelector("#porteurs-message");
const options = () => [...liste.querySelectorAll("[role=option]")];
const active = () => liste.querySelector("[aria-selected=true]");

function montrer(ouverte) {
  liste.hidden = !ouverte;
  champ.setAttribute("aria-expanded", String(ouverte));
  if (!ouverte) activer(null);
}

function activer(option) {
  active()?.setAttribute("aria-selected", "false");
  if (!option) return champ.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  champ.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function deplacer(pas) {
  const toutes = options();
  if (liste.hidden || !toutes.length) return htmx.trigger(champ, "chercher");
  const rang = toutes.indexOf(active());
  activer(toutes[rang < 0 && pas < 0 ? toutes.length - 1 : (rang + pas + toutes.length) % toutes.length]);
}

function poser({ porteur, etablissement, libelle }) {
  bloc.querySelector("[name=porteur]").value = porteur;
  bloc.querySelector("[name=etablissement]").value = etablissement;
  champ.value = libelle;
  champ.removeAttribute("aria-invalid");
  fermerLeVolet();
  montrer(false);
  message.textContent = `Porteur choisi\u00a0: ${libelle}.`;
  champ.dispatchEvent(new Event("change", { bubbles: true }));
}

function prendre(option) {
  if ("choisir" in option.dataset) return poser(option.dataset);
  montrer(false);
  ouvrirLeVolet(option.dataset);
}

function ouvrirLeVolet({ siret, nom }) {
  volet.hidden = false;
  const champs = { siret: volet.querySelector("[name$=siret]"), nom: volet.querySelector("[name$=nom]") };
  champs.siret.value = siret;
  champs.nom.value = nom;
  (nom ? champs.siret : champs.nom).focus();
}

function fermerLeVolet() {
  volet.hidden = true;
  champ.focus();
}

// Le texte change : le porteur choisi auparavant n'est plus celui-là.
function oublierLeChoix() {
  bloc.querySelector("[name=porteur]").value = "";
  bloc.querySelector("[name=etablissement]").value = "";
}

const touches = {
  ArrowDown: () => deplacer(1),
  ArrowUp: () => deplacer(-1),
  Escape: () => montrer(false),
  Enter: () => {
    const choisie = active() ?? (liste.hidden ? null : options()[0]);
    if (choisie) prendre(choisie);
  },
};

if (champ) {
  champ.addEventListener("keydown", (evenement) => {
    const geste = touches[evenement.key];
    if (!geste) return;
    evenement.preventDefault();
    geste();
  });
  champ.addEventListener("input", oublierLeChoix);
  champ.addEventListener("blur", () => montrer(false));
  // Le clic choisit avant que le champ ne perde le focus.
  liste.addEventListener("mousedown", (evenement) => {
    evenement.preventDefault();
    const option = evenement.target.closest("[role=option]");
    if (option) prendre(option);
  });
  liste.addEventListener("htmx:afterSwap", () => montrer(options().length > 0 && document.activeElement === champ));
  volet.addEventListener("click", ({ target }) => {
    const choisi = target.closest("[data-choisir]");
    if (choisi) poser(choisi.dataset);
    if (target.closest("[data-fermer-porteur]")) fermerLeVolet();
  });
  volet.addEventListener("keydown", (evenement) => {
    if (evenement.key === "Escape") fermerLeVolet();
  });
  // Après un refus, le lecteur d'écran et le clavier repartent du premier champ fautif.
  volet.addEventListener("htmx:afterSwap", () => {
    volet.querySelector("[data-choisir], [name=rattacher], [aria-invalid=true]")?.focus();
  });
  document.body.addEventListener("porteur-choisi", ({ detail }) => poser(detail));
}
