// Le proposé tapé dans la liste. Une cellule, ou une colonne collée, fait un bloc : il s'enregistre en entier ou pas du
// tout. Les blocs partent un par un. Sans ce script, un bouton enregistre tout.

import {
  centimes,
  dire,
  direSiToutEstEnregistre,
  enChiffres,
  enEuros,
  estRefusee,
  identifiant,
  PAS_ENREGISTRE,
  proposerDeReprendre,
  raisonDuRefus,
  REFUS,
  REMARQUE,
  tenir,
} from "./cellules.js";

const formulaire = document.querySelector("form[data-proposes]");
const cellules = formulaire ? [...formulaire.querySelectorAll("input[name^=a]")] : [];
const etat = document.querySelector("[data-etat]");
const confirmes = new Map(); // cellule → le montant que le serveur a, en centimes (null : vide)
const blocs = new Map(); // cellule → le bloc (Set de cellules) qui n'est pas encore enregistré
const enVol = new Map(); // cellule → ce qui vient de partir
const file = []; // les blocs prêts à partir
const ATTEND = "En attente du reste de la colonne collée.";
let enCours = false;

const version = (cellule) => formulaire.elements[`v${identifiant(cellule)}`];
const totaux = () => document.getElementById("totaux");
const enMots = (valeur) => (valeur === null ? "aucun" : enEuros(valeur));

const ecran = {
  formulaire,
  cellules,
  rendu: "totaux",
  valider,
  quitter: valider,
  retablir: abandonner,
  coller,
  estModifiee: (cellule) => centimes(cellule.value) !== confirmes.get(cellule),
  estOccupe: () => enCours || file.length > 0,
};

function resumer() {
  const arretees = new Set([...blocs.values()].filter((bloc) => [...bloc].some(estRefusee)));
  const cellulesArretees = [...arretees].reduce((somme, bloc) => somme + bloc.size, 0);
  if (enCours || file.length) etat.textContent = "Enregistrement…";
  else if (!cellulesArretees) etat.textContent = "Tout est enregistré.";
  else if (cellulesArretees === 1) etat.textContent = "1 montant n’est pas enregistré.";
  else etat.textContent = `${cellulesArretees} montants ne sont pas enregistrés\u00a0: corriger les cellules signalées.`;
  direSiToutEstEnregistre(ecran);
}

// --- Les blocs ---

// La cellule a fini de changer : elle part avec son bloc, dès que rien n'y est illisible.
function valider(cellule) {
  if (enVol.get(cellule) === cellule.value) return;
  const bloc = blocs.get(cellule) ?? new Set([cellule]);
  if (!blocs.has(cellule) && !ecran.estModifiee(cellule)) return void (dire(cellule, ""), resumer());
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
    else if (ecran.estModifiee(cellule) && cellule !== document.activeElement) valider(cellule);
  }
}

function retenir(parties, rendues) {
  if (!rendues) proposerDeReprendre(ecran);
  const bloc = new Set(parties.keys());
  for (const cellule of bloc) blocs.set(cellule, bloc);
  for (const cellule of bloc) {
    const rendue = rendues?.[identifiant(cellule)];
    if (!rendues) dire(cellule, PAS_ENREGISTRE);
    else if (rendue?.erreur) dire(cellule, rendue.erreur);
    else if (rendue?.conflit) montrerLeConflit(cellule, rendue);
    else dire(cellule, ATTEND, REMARQUE);
  }
}

function montrerLeConflit(cellule, { conflit, actuel, version: actuelle }) {
  const maintenant = centimes(actuel);
  const valeurs = `Lu\u00a0: ${enMots(confirmes.get(cellule))}, maintenant\u00a0: ${enMots(maintenant)}, le vôtre\u00a0: ${enMots(centimes(cellule.value))}.`;
  const accepter = () => {
    confirmes.set(cellule, maintenant);
    version(cellule).value = actuelle;
  };
  dire(cellule, `${conflit} ${valeurs}`, REFUS, [
    ["Garder le mien", () => (accepter(), valider(cellule))],
    ["Prendre l’autre", () => (accepter(), abandonner(cellule))],
  ]);
}

// --- Le collage ---

// Une valeur par ligne de la liste.
function coller(cellule, collees) {
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
  for (const attente of bloc) if (arretee && !estRefusee(attente)) dire(attente, ATTEND, REMARQUE);
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
  for (const cellule of cellules) confirmes.set(cellule, centimes(cellule.dataset.confirme ?? cellule.defaultValue));
  tenir(ecran);
}
