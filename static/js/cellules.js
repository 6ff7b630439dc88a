// Une colonne de montants qui se tape comme dans un tableur : ce que partagent les proposés de la liste et un scénario.
// L'argent est en centimes entiers (BigInt) ; chaque écran garde sa façon d'enregistrer.

// --- Montants ---

// « 1 234,50 € » avec n'importe quelle espace → 123450n ; null si vide ; undefined si ce n'est pas un montant.
export function centimes(texte) {
  const brut = texte.replace(/[\s\u00a0\u202f\u2009]/g, "").replace(/€$/, "");
  if (brut === "") return null;
  const morceaux = /^(\d{1,10})(?:[.,](\d{0,2}))?$/.exec(brut);
  return morceaux ? BigInt(morceaux[1]) * 100n + BigInt((morceaux[2] ?? "").padEnd(2, "0")) : undefined;
}

export function raisonDuRefus(texte) {
  if (centimes(texte) !== undefined) return "";
  if (/^\s*[-−]/.test(texte)) return "Un montant ne peut pas être négatif.";
  if (/[.,]\d{3,}\s*€?\s*$/.test(texte)) return "Plus de deux décimales\u00a0: un montant s’arrête au centime.";
  return "Ce n’est pas un montant\u00a0: écrire des chiffres, par exemple 1\u00a0234,50.";
}

// 123450n → « 1234,50 », comme un agent l'écrirait dans la cellule.
export const enChiffres = (valeur) =>
  valeur === null ? "" : `${valeur / 100n},${(valeur % 100n).toString().padStart(2, "0")}`;

export const milliers = (nombre) => nombre.toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");

export function enEuros(valeur) {
  const positif = valeur < 0n ? -valeur : valeur;
  const decimales = (positif % 100n).toString().padStart(2, "0");
  return `${valeur < 0n ? "−" : ""}${milliers(positif / 100n)},${decimales}\u00a0€`;
}

// --- Ce que dit une cellule ---

export const REFUS = "pv-raison";
export const REMARQUE = "pv-remarque";
export const PAS_ENREGISTRE = "Pas enregistré\u00a0: la connexion ou la session est perdue.";
export const identifiant = (cellule) => cellule.name.slice(1);
export const estRefusee = (cellule) => cellule.getAttribute("aria-invalid") === "true";

export function dire(cellule, phrase, classe = REFUS, boutons = []) {
  cellule.parentElement.querySelector("[data-dit]")?.remove();
  cellule.removeAttribute("aria-describedby");
  cellule.removeAttribute("aria-invalid");
  if (!phrase) return;
  const texte = document.createElement("span");
  Object.assign(texte, { id: `dit-${identifiant(cellule)}`, className: classe, textContent: phrase });
  texte.dataset.dit = "";
  texte.setAttribute("role", "status");
  for (const [libelle, geste] of boutons) {
    const bouton = document.createElement("button");
    Object.assign(bouton, { type: "button", textContent: libelle });
    bouton.addEventListener("click", geste);
    texte.append(" ", bouton);
  }
  cellule.after(texte);
  cellule.setAttribute("aria-describedby", texte.id);
  if (classe === REFUS) cellule.setAttribute("aria-invalid", "true");
}

// --- Le clavier et le collage ---

// Une colonne copiée d'un tableur : la première colonne si elle en a plusieurs.
const colonne = (texte) => texte.replace(/\r?\n$/, "").split(/\r?\n/).map((ligne) => ligne.split("\t")[0].trim());

function aller(ecran, cellule, pas) {
  ecran.quitter(cellule);
  const suivante = ecran.cellules[ecran.cellules.indexOf(cellule) + pas] ?? cellule;
  suivante.focus();
  suivante.select();
}

const TOUCHES = {
  Enter: (ecran, cellule, { shiftKey }) => aller(ecran, cellule, shiftKey ? -1 : 1),
  ArrowDown: (ecran, cellule) => aller(ecran, cellule, 1),
  ArrowUp: (ecran, cellule) => aller(ecran, cellule, -1),
  Escape: (ecran, cellule) => ecran.retablir(cellule),
};

// --- L'écran ---

// `ecran` : formulaire, cellules, rendu (l'identifiant du fragment que le serveur rend), et ce que chaque écran fait :
// valider(cellule), quitter(cellule), retablir(cellule), coller(cellule, valeurs), estModifiee(cellule), estOccupe().
export function tenir(ecran) {
  const { formulaire, cellules, rendu } = ecran;
  const sansScript = formulaire.querySelector("[data-sans-script]");
  sansScript.hidden = true;
  formulaire.addEventListener("submit", (evenement) => {
    evenement.preventDefault();
    for (const cellule of cellules.filter(ecran.estModifiee)) ecran.valider(cellule);
  });
  formulaire.addEventListener("change", ({ target }) => cellules.includes(target) && ecran.valider(target));
  formulaire.addEventListener("keydown", (evenement) => {
    const geste = TOUCHES[evenement.key];
    if (!geste || !cellules.includes(evenement.target)) return;
    evenement.preventDefault();
    geste(ecran, evenement.target, evenement);
  });
  formulaire.addEventListener("paste", (evenement) => {
    const texte = evenement.clipboardData.getData("text");
    if (!cellules.includes(evenement.target) || !/[\n\t]/.test(texte)) return;
    evenement.preventDefault();
    ecran.coller(evenement.target, colonne(texte));
  });
  // Une réponse qui n'est pas le fragment attendu (session expirée, refus) ne remplace rien : la saisie reste à l'écran.
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target?.id === rendu && !detail.xhr.responseText.includes(`id="${rendu}"`)) detail.shouldSwap = false;
  });
  window.addEventListener("beforeunload", (evenement) => {
    if (formulaire.dataset.repris === undefined && (ecran.estOccupe() || cellules.some(ecran.estModifiee))) {
      evenement.preventDefault();
    }
  });
  window.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    delete formulaire.dataset.repris;
    for (const cellule of cellules) activer(formulaire, cellule, true);
  });
  // Retrouvée après une reconnexion, la saisie se relit avant de partir : rien ne s'écrit à l'ouverture d'une page.
  formulaire.addEventListener("saisie:remise", () => {
    const retrouvees = cellules.filter(ecran.estModifiee);
    for (const cellule of retrouvees) dire(cellule, "Retrouvé, pas encore enregistré.", REMARQUE);
    sansScript.hidden = !retrouvees.length;
  });
}

export function direSiToutEstEnregistre({ formulaire, cellules, estModifiee, estOccupe }) {
  if (estOccupe() || cellules.some(estModifiee)) return;
  formulaire.querySelector("[data-sans-script]").hidden = true;
  formulaire.querySelector("[data-perdu]")?.remove();
  formulaire.dispatchEvent(new Event("cellules:enregistrees"));
}

// --- La connexion ou la session perdue ---

// Les montants tapés partent comme sans script : enregistrés si la session tient, sinon gardés jusqu'à la reconnexion,
// qui ramène ici. Ceux qui n'ont pas changé restent : une autre personne a pu les changer depuis.
function reprendre({ formulaire, cellules, estModifiee }) {
  for (const cellule of cellules) activer(formulaire, cellule, estModifiee(cellule));
  formulaire.dataset.repris = "";
  formulaire.submit();
}

// La cellule, et la version de son action là où elle en porte une.
function activer(formulaire, cellule, active) {
  cellule.disabled = !active;
  const version = formulaire.elements[`v${identifiant(cellule)}`];
  if (version) version.disabled = !active;
}

export function proposerDeReprendre(ecran) {
  if (ecran.formulaire.querySelector("[data-perdu]")) return;
  const alerte = document.createElement("div");
  alerte.className = "fr-alert fr-alert--warning fr-alert--sm fr-mb-2w";
  alerte.dataset.perdu = "";
  alerte.setAttribute("role", "alert");
  const phrase = document.createElement("p");
  phrase.textContent = "La connexion ou la session est perdue. Ce qui est tapé reste ici, et suivra la reconnexion.";
  const bouton = document.createElement("button");
  Object.assign(bouton, { type: "button", className: "fr-btn fr-btn--sm fr-mt-1w", textContent: "Reprendre" });
  bouton.addEventListener("click", () => reprendre(ecran));
  alerte.append(phrase, bouton);
  ecran.formulaire.prepend(alerte);
}
