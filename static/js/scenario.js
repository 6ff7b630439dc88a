// La saisie d'un scénario : le total et le reste suivent chaque frappe, le serveur les confirme montant par montant.
// L'argent est en centimes entiers (BigInt). Sans ce script, la table entière s'enregistre par son bouton.

const table = document.querySelector("form[data-scenario]");
const cellules = table ? [...table.querySelectorAll("input[name^=a]")] : [];
const confirmes = new Map(); // cellule → le montant que le serveur a, en centimes (null : vide)
const aEnvoyer = new Set(); // cellules dont la valeur n'est pas encore partie
const bilan = () => document.getElementById("bilan");
const identifiant = (cellule) => cellule.name.slice(1);
const avecIdentifiant = new Map(cellules.map((cellule) => [identifiant(cellule), cellule]));
let enCours = false;

// --- Montants ---

// « 1 234,50 € » avec n'importe quelle espace → 123450n ; null si vide ; undefined si ce n'est pas un montant.
function centimes(texte) {
  const brut = texte.replace(/[\s\u00a0\u202f\u2009]/g, "").replace(/€$/, "");
  if (brut === "") return null;
  const morceaux = /^(\d{1,10})(?:[.,](\d{0,2}))?$/.exec(brut);
  return morceaux ? BigInt(morceaux[1]) * 100n + BigInt((morceaux[2] ?? "").padEnd(2, "0")) : undefined;
}

function raisonDuRefus(texte) {
  if (centimes(texte) !== undefined) return "";
  if (/^\s*[-−]/.test(texte)) return "Un montant ne peut pas être négatif.";
  if (/[.,]\d{3,}\s*€?\s*$/.test(texte)) return "Plus de deux décimales\u00a0: un montant s’arrête au centime.";
  return "Ce n’est pas un montant\u00a0: écrire des chiffres, par exemple 1\u00a0234,50.";
}

function enEuros(valeur) {
  const positif = valeur < 0n ? -valeur : valeur;
  const milliers = (positif / 100n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return `${valeur < 0n ? "−" : ""}${milliers},${(positif % 100n).toString().padStart(2, "0")}\u00a0€`;
}

// --- Le total suit la frappe ---

// Une cellule illisible compte pour ce que le serveur en a gardé.
function montantDe(cellule) {
  const lu = centimes(cellule.value);
  return (lu === undefined ? confirmes.get(cellule) : lu) ?? 0n;
}

function suivre() {
  const montants = cellules.map(montantDe);
  const total = montants.reduce((somme, montant) => somme + montant, 0n);
  const servies = montants.filter((montant) => montant > 0n).length;
  bilan().querySelector("[data-total]").value = enEuros(total);
  bilan().querySelector("[data-nombre]").value = String(servies).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const reste = bilan().querySelector("[data-reste]");
  if (!reste) return;
  const apres = BigInt(reste.dataset.avant) - total;
  reste.value = enEuros(apres);
  bilan().querySelector("[data-bloc-reste]").classList.toggle("pv-en-trop", apres < 0n);
}

// --- Ce que dit une cellule ---

function dire(cellule, phrase, classe) {
  let texte = cellule.parentElement.querySelector("[data-dit]");
  if (!phrase) {
    texte?.remove();
    cellule.removeAttribute("aria-invalid");
    cellule.removeAttribute("aria-describedby");
    return;
  }
  if (!texte) {
    texte = document.createElement("span");
    texte.dataset.dit = "";
    texte.id = `dit-${identifiant(cellule)}`;
    texte.setAttribute("role", "status");
    cellule.after(texte);
  }
  texte.className = classe;
  texte.textContent = phrase;
  cellule.setAttribute("aria-describedby", texte.id);
  if (classe === "pv-raison") cellule.setAttribute("aria-invalid", "true");
  else cellule.removeAttribute("aria-invalid");
}

const refuser = (cellule, phrase) => dire(cellule, phrase, "pv-raison");
const remarquer = (cellule, phrase) => dire(cellule, phrase, "pv-remarque");

// --- L'envoi : un à la fois, et ce qui change pendant ce temps part avec le suivant ---

function noter(cellule) {
  const refus = raisonDuRefus(cellule.value);
  refuser(cellule, refus);
  if (refus) aEnvoyer.delete(cellule);
  else if (centimes(cellule.value) !== confirmes.get(cellule)) aEnvoyer.add(cellule);
}

const poids = (cellule, montant) => (montant === null ? 0n : BigInt(identifiant(cellule)) * (montant + 1n));

// L'empreinte qu'auront les montants si personne d'autre n'en a changé : la même formule que sur le serveur.
function empreinteAttendue(parties) {
  let attendue = BigInt(bilan().dataset.empreinte);
  for (const cellule of parties) {
    attendue += poids(cellule, centimes(cellule.value)) - poids(cellule, confirmes.get(cellule));
  }
  return attendue.toString();
}

async function envoyer() {
  if (enCours || !aEnvoyer.size) return;
  enCours = true;
  const parties = [...aEnvoyer];
  aEnvoyer.clear();
  const values = { empreinte: empreinteAttendue(parties) };
  for (const cellule of parties) {
    values[cellule.name] = cellule.value;
    cellule.dataset.attente = "";
  }
  const avant = bilan();
  await htmx.ajax("POST", table.action, { target: "#bilan", swap: "outerHTML", values }).catch(() => {});
  for (const cellule of parties) delete cellule.dataset.attente;
  enCours = false;
  if (bilan() === avant) parties.forEach((cellule) => refuser(cellule, "Non enregistré\u00a0: recharger la page, puis ressaisir."));
  else reprendre(parties);
  suivre();
  envoyer();
}

// Ce que le serveur a écrit, refusé, ou reçu d'une autre personne.
function reprendre(parties) {
  for (const [pk, rendue] of Object.entries(JSON.parse(bilan().dataset.cellules ?? "{}"))) {
    const cellule = avecIdentifiant.get(pk);
    if (!cellule) continue;
    if (rendue.erreur) refuser(cellule, rendue.erreur);
    else recevoir(cellule, rendue, parties.includes(cellule));
  }
}

function recevoir(cellule, { valeur, avant }, envoyee) {
  const connu = confirmes.get(cellule);
  const recu = centimes(valeur);
  confirmes.set(cellule, recu);
  const intacte = centimes(cellule.value) === (envoyee ? recu : connu); // rien n'y a été tapé depuis
  if (envoyee && centimes(avant) !== connu) {
    const autre = avant === "" ? "l’avait vidée" : `avait saisi ${enEuros(centimes(avant))}`;
    remarquer(cellule, `Une autre personne ${autre} entre-temps.`);
  } else if (!envoyee && recu !== connu && intacte) {
    remarquer(cellule, "Changé par une autre personne.");
  }
  if (!intacte) return;
  cellule.value = valeur;
  if (cellule === document.activeElement) cellule.select();
}

// Une réponse qui n'est pas un bilan (session expirée, refus) ne remplace pas le bilan : la saisie reste à l'écran.
document.body.addEventListener("htmx:beforeSwap", (evenement) => {
  if (evenement.detail.target?.id === "bilan" && !evenement.detail.xhr.responseText.includes('id="bilan"')) {
    evenement.detail.shouldSwap = false;
  }
});

// --- Le clavier et le collage ---

function aller(cellule, pas) {
  const suivante = cellules[cellules.indexOf(cellule) + pas] ?? cellule;
  cellule.blur(); // la dernière cellule s'enregistre aussi, même si le curseur n'a nulle part où aller
  suivante.focus();
  suivante.select();
}

const touches = {
  Enter: (cellule, { shiftKey }) => aller(cellule, shiftKey ? -1 : 1),
  ArrowDown: (cellule) => aller(cellule, 1),
  ArrowUp: (cellule) => aller(cellule, -1),
  Escape: (cellule) => retablir(cellule),
};

function retablir(cellule) {
  const confirme = confirmes.get(cellule);
  cellule.value = confirme === null ? "" : `${confirme / 100n},${(confirme % 100n).toString().padStart(2, "0")}`;
  aEnvoyer.delete(cellule);
  refuser(cellule, "");
  suivre();
}

// Une colonne copiée d'un tableur : une ligne par action, la première colonne si elle en a plusieurs.
function coller(cellule, texte) {
  const lignes = texte.replace(/\r?\n$/, "").split(/\r?\n/).map((ligne) => ligne.split("\t")[0]);
  const suivantes = cellules.slice(cellules.indexOf(cellule));
  const remplies = suivantes.slice(0, lignes.length);
  remplies.forEach((remplie, rang) => {
    remplie.value = lignes[rang].trim();
    noter(remplie);
  });
  if (lignes.length > suivantes.length) {
    remarquer(remplies.at(-1), `${lignes.length - suivantes.length} valeur(s) collée(s) sans ligne où aller.`);
  }
  suivre();
  envoyer();
}

if (table) {
  for (const cellule of cellules) confirmes.set(cellule, centimes(cellule.value));
  table.querySelector("[data-sans-script]").hidden = true;
  table.addEventListener("submit", (evenement) => evenement.preventDefault());
  table.addEventListener("input", ({ target }) => {
    if (target.getAttribute("aria-describedby")) refuser(target, "");
    suivre();
  });
  table.addEventListener("change", ({ target }) => {
    noter(target);
    envoyer();
  });
  table.addEventListener("keydown", (evenement) => {
    const geste = touches[evenement.key];
    if (!geste || !confirmes.has(evenement.target)) return;
    evenement.preventDefault();
    geste(evenement.target, evenement);
  });
  table.addEventListener("paste", (evenement) => {
    const texte = evenement.clipboardData.getData("text");
    if (!confirmes.has(evenement.target) || !/[\n\t]/.test(texte)) return;
    evenement.preventDefault();
    coller(evenement.target, texte);
  });
  window.addEventListener("beforeunload", (evenement) => {
    if (enCours || aEnvoyer.size || table.querySelector("[aria-invalid=true]")) evenement.preventDefault();
  });
}
