// Le proposé tapé dans la liste. Une cellule, ou une colonne collée, fait un bloc : il s'enregistre en entier ou pas du
// tout. Les blocs partent un par un. L'argent est en centimes entiers (BigInt). Sans ce script, un bouton enregistre tout.

const formulaire = document.querySelector("form[data-proposes]");
const cellules = formulaire ? [...formulaire.querySelectorAll("input[name^=a]")] : [];
const etat = document.querySelector("[data-etat]");
const confirmes = new Map(); // cellule → le montant que le serveur a, en centimes (null : vide)
const blocs = new Map(); // cellule → le bloc (Set de cellules) qui n'est pas encore enregistré
const enVol = new Map(); // cellule → ce qui vient de partir
const file = []; // les blocs prêts à partir
const ATTEND = "En attente du reste de la colonne collée.";
let enCours = false;

const identifiant = (cellule) => cellule.name.slice(1);
const version = (cellule) => formulaire.elements[`v${identifiant(cellule)}`];
const totaux = () => document.getElementById("totaux");

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

const enChiffres = (valeur) => (valeur === null ? "" : `${valeur / 100n},${(valeur % 100n).toString().padStart(2, "0")}`);
const enMots = (valeur) => (valeur === null ? "aucun" : `${enChiffres(valeur).replace(/\B(?=(\d{3})+,)/g, "\u202f")}\u00a0€`);

// --- Ce que dit une cellule ---

function dire(cellule, phrase, classe = "pv-raison", boutons = []) {
  cellule.parentElement.querySelector("[data-dit]")?.remove();
  cellule.removeAttribute("aria-describedby");
  cellule.toggleAttribute("aria-invalid", false);
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
  if (classe === "pv-raison") cellule.setAttribute("aria-invalid", "true");
}

const estRefusee = (cellule) => cellule.getAttribute("aria-invalid") === "true";

function resumer() {
  const arretees = new Set([...blocs.values()].filter((bloc) => [...bloc].some(estRefusee)));
  const cellulesArretees = [...arretees].reduce((somme, bloc) => somme + bloc.size, 0);
  if (enCours || file.length) etat.textContent = "Enregistrement…";
  else if (!cellulesArretees) etat.textContent = "Tout est enregistré.";
  else if (cellulesArretees === 1) etat.textContent = "1 montant n’est pas enregistré.";
  else etat.textContent = `${cellulesArretees} montants ne sont pas enregistrés\u00a0: corriger les cellules signalées.`;
}

// --- Les blocs ---

// La cellule a fini de changer : elle part avec son bloc, dès que rien n'y est illisible.
function valider(cellule) {
  if (enVol.get(cellule) === cellule.value) return;
  const bloc = blocs.get(cellule) ?? new Set([cellule]);
  if (!blocs.has(cellule) && centimes(cellule.value) === confirmes.get(cellule)) return void (dire(cellule, ""), resumer());
  dire(cellule, raisonDuRefus(cellule.value));
  preparer(bloc);
}

function preparer(bloc) {
  for (const cellule of bloc) blocs.set(cellule, bloc);
  const prete = ![...bloc].some(estRefusee);
  if (prete && !file.includes(bloc)) file.push(bloc);
  envoyer();
}

// Sortir une cellule de son bloc : ce qui reste peut partir.
function abandonner(cellule) {
  cellule.value = enChiffres(confirmes.get(cellule));
  dire(cellule, "");
  const bloc = blocs.get(cellule);
  if (!bloc) return;
  blocs.delete(cellule);
  bloc.delete(cellule);
  if (bloc.size) preparer(bloc);
  else resumer();
}

async function envoyer() {
  if (enCours || !file.length) return resumer();
  const bloc = file.shift();
  const parties = new Map([...bloc].map((cellule) => [cellule, cellule.value]));
  if (!parties.size || [...bloc].some(estRefusee)) return envoyer();
  enCours = true;
  resumer();
  const values = {};
  for (const cellule of bloc) {
    blocs.delete(cellule);
    values[cellule.name] = cellule.value;
    values[`v${identifiant(cellule)}`] = version(cellule).value;
    cellule.dataset.attente = "";
    enVol.set(cellule, cellule.value);
  }
  const avant = totaux();
  const adresse = location.pathname + location.search;
  await htmx.ajax("POST", adresse, { target: "#totaux", swap: "outerHTML", values }).catch(() => {});
  for (const cellule of bloc) delete cellule.dataset.attente;
  enCours = false;
  enVol.clear();
  recevoir(parties, totaux() === avant ? null : JSON.parse(totaux().dataset.cellules));
  envoyer();
}

// Le serveur a tout écrit, ou rien : il dit alors quelles cellules l'arrêtent.
function recevoir(parties, rendues) {
  const toutEcrit = rendues && Object.values(rendues).every((rendue) => !rendue.erreur && !rendue.conflit);
  if (!toutEcrit) return retenir(parties, rendues);
  for (const [cellule, envoyee] of parties) {
    confirmes.set(cellule, centimes(envoyee));
    version(cellule).value = rendues[identifiant(cellule)].version;
    if (!blocs.has(cellule)) dire(cellule, "");
    if (cellule.value === envoyee && cellule !== document.activeElement) cellule.value = enChiffres(centimes(envoyee));
    else if (centimes(cellule.value) !== confirmes.get(cellule) && cellule !== document.activeElement) valider(cellule);
  }
}

function retenir(parties, rendues) {
  const bloc = new Set(parties.keys());
  for (const cellule of bloc) blocs.set(cellule, bloc);
  for (const cellule of bloc) {
    const rendue = rendues?.[identifiant(cellule)];
    if (!rendues) dire(cellule, "Pas enregistré\u00a0: la connexion ou la session est perdue. Recharger la page, puis ressaisir.");
    else if (rendue?.erreur) dire(cellule, rendue.erreur);
    else if (rendue?.conflit) montrerLeConflit(cellule, rendue);
    else dire(cellule, ATTEND, "pv-remarque");
  }
}

function montrerLeConflit(cellule, { conflit, actuel, version: actuelle }) {
  const maintenant = centimes(actuel);
  const valeurs = `Lu\u00a0: ${enMots(confirmes.get(cellule))}, maintenant\u00a0: ${enMots(maintenant)}, le vôtre\u00a0: ${enMots(centimes(cellule.value))}.`;
  const accepter = () => {
    confirmes.set(cellule, maintenant);
    version(cellule).value = actuelle;
  };
  dire(cellule, `${conflit} ${valeurs}`, "pv-raison", [
    ["Garder le mien", () => (accepter(), valider(cellule))],
    ["Prendre l’autre", () => (accepter(), abandonner(cellule))],
  ]);
}

// Une réponse qui n'est pas un total (session expirée, refus) ne remplace rien : la saisie reste à l'écran.
document.body.addEventListener("htmx:beforeSwap", (evenement) => {
  if (evenement.detail.target?.id === "totaux" && !evenement.detail.xhr.responseText.includes('id="totaux"')) {
    evenement.detail.shouldSwap = false;
  }
});

// --- Le clavier et le collage ---

function aller(cellule, pas) {
  valider(cellule);
  const suivante = cellules[cellules.indexOf(cellule) + pas];
  if (!suivante) return;
  suivante.focus();
  suivante.select();
}

const touches = {
  Enter: (cellule, { shiftKey }) => aller(cellule, shiftKey ? -1 : 1),
  ArrowDown: (cellule) => aller(cellule, 1),
  ArrowUp: (cellule) => aller(cellule, -1),
  Escape: (cellule) => abandonner(cellule),
};

// Une colonne copiée d'un tableur : une valeur par ligne de la liste, la première colonne si elle en a plusieurs.
function coller(cellule, texte) {
  const collees = texte.replace(/\r?\n$/, "").split(/\r?\n/).map((ligne) => ligne.split("\t")[0].trim());
  const lignes = [...formulaire.querySelectorAll("tbody tr")];
  const suivantes = lignes.slice(lignes.indexOf(cellule.closest("tr")));
  const refus = pourquoiNePasColler(collees, suivantes);
  if (refus) return dire(cellule, refus);
  const bloc = new Set();
  collees.forEach((collee, rang) => {
    const remplie = saisieDe(suivantes[rang]);
    if (!remplie) return;
    sortir(remplie);
    remplie.value = collee;
    dire(remplie, raisonDuRefus(collee));
    if (centimes(collee) !== confirmes.get(remplie)) bloc.add(remplie);
  });
  const arretee = [...bloc].some(estRefusee);
  for (const attente of bloc) if (arretee && !estRefusee(attente)) dire(attente, ATTEND, "pv-remarque");
  preparer(bloc);
}

const saisieDe = (ligne) => ligne.querySelector("input[name^=a]");

// Une ligne qui ne se saisit pas garde sa valeur : la colonne collée doit dire la même.
function pourquoiNePasColler(collees, lignes) {
  const enTrop = collees.length - lignes.length;
  if (enTrop > 0) return `Rien n’est collé\u00a0: ${enTrop} valeur(s) de trop pour les lignes qui suivent.`;
  const figee = lignes.slice(0, collees.length).find((ligne, rang) => {
    const fige = ligne.querySelector("[data-fige]");
    return fige && collees[rang] !== "" && centimes(collees[rang]) !== centimes(fige.dataset.fige);
  });
  return figee ? `Rien n’est collé\u00a0: «\u00a0${figee.querySelector("th").textContent}\u00a0» ne se saisit pas ici.` : "";
}

// Une cellule recollée quitte le bloc où elle attendait.
function sortir(cellule) {
  blocs.get(cellule)?.delete(cellule);
  blocs.delete(cellule);
}

if (formulaire) {
  for (const cellule of cellules) confirmes.set(cellule, centimes(cellule.defaultValue) ?? null);
  formulaire.querySelector("[data-sans-script]").hidden = true;
  formulaire.addEventListener("submit", (evenement) => evenement.preventDefault());
  formulaire.addEventListener("change", ({ target }) => valider(target));
  formulaire.addEventListener("keydown", (evenement) => {
    const geste = touches[evenement.key];
    if (!geste || !confirmes.has(evenement.target)) return;
    evenement.preventDefault();
    geste(evenement.target, evenement);
  });
  formulaire.addEventListener("paste", (evenement) => {
    const texte = evenement.clipboardData.getData("text");
    if (!confirmes.has(evenement.target) || !/[\n\t]/.test(texte)) return;
    evenement.preventDefault();
    coller(evenement.target, texte);
  });
  window.addEventListener("beforeunload", (evenement) => {
    const tapee = cellules.some((cellule) => centimes(cellule.value) !== confirmes.get(cellule));
    if (enCours || file.length || tapee) evenement.preventDefault();
  });
}
