// La saisie d'un scénario : le total et le reste suivent chaque frappe, le serveur les confirme montant par montant.
// Sans ce script, la table entière s'enregistre par son bouton.

import {
  centimes,
  dire,
  direSiToutEstEnregistre,
  enChiffres,
  enEuros,
  identifiant,
  milliers,
  PAS_ENREGISTRE,
  proposerDeReprendre,
  raisonDuRefus,
  REFUS,
  REMARQUE,
  tenir,
} from "./cellules.js";

const table = document.querySelector("form[data-scenario]");
const cellules = table ? [...table.querySelectorAll("input[name^=a]")] : [];
const confirmes = new Map(); // cellule → le montant que le serveur a, en centimes (null : vide)
const aEnvoyer = new Set(); // cellules dont la valeur n'est pas encore partie
const bilan = () => document.getElementById("bilan");
const avecIdentifiant = new Map(cellules.map((cellule) => [identifiant(cellule), cellule]));
let enCours = false;

const ecran = {
  formulaire: table,
  cellules,
  rendu: "bilan",
  valider,
  quitter: (cellule) => cellule.blur(), // la dernière s'enregistre aussi, même si le curseur n'a nulle part où aller
  retablir,
  coller,
  estModifiee: (cellule) => centimes(cellule.value) !== confirmes.get(cellule),
  estOccupe: () => enCours || aEnvoyer.size > 0,
};

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
  bilan().querySelector("[data-nombre]").value = milliers(servies);
  const reste = bilan().querySelector("[data-reste]");
  if (!reste) return;
  const apres = BigInt(reste.dataset.avant) - total;
  reste.value = enEuros(apres);
  bilan().querySelector("[data-bloc-reste]").classList.toggle("pv-en-trop", apres < 0n);
}

// --- Ce que dit une cellule ---

const refuser = (cellule, phrase) => dire(cellule, phrase, REFUS);
const remarquer = (cellule, phrase) => dire(cellule, phrase, REMARQUE);

// --- L'envoi : un à la fois, et ce qui change pendant ce temps part avec le suivant ---

function noter(cellule) {
  const refus = raisonDuRefus(cellule.value);
  refuser(cellule, refus);
  if (refus) aEnvoyer.delete(cellule);
  else if (ecran.estModifiee(cellule)) aEnvoyer.add(cellule);
}

function valider(cellule) {
  noter(cellule);
  envoyer();
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
  if (bilan() === avant) perdre(parties);
  else reprendre(parties);
  table.elements.condense.value = bilan().dataset.condense;
  suivre();
  direSiToutEstEnregistre(ecran);
  envoyer();
}

function perdre(parties) {
  for (const cellule of parties) refuser(cellule, PAS_ENREGISTRE);
  proposerDeReprendre(ecran);
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

function retablir(cellule) {
  cellule.value = enChiffres(confirmes.get(cellule));
  aEnvoyer.delete(cellule);
  refuser(cellule, "");
  suivre();
}

// Une valeur par action, de la cellule vers le bas.
function coller(cellule, lignes) {
  const suivantes = cellules.slice(cellules.indexOf(cellule));
  const remplies = suivantes.slice(0, lignes.length);
  remplies.forEach((remplie, rang) => {
    remplie.value = lignes[rang];
    noter(remplie);
  });
  if (lignes.length > suivantes.length) {
    remarquer(remplies.at(-1), `${lignes.length - suivantes.length} valeur(s) collée(s) sans ligne où aller.`);
  }
  suivre();
  envoyer();
}

if (table) {
  for (const cellule of cellules) confirmes.set(cellule, centimes(cellule.defaultValue));
  tenir(ecran);
  table.addEventListener("input", ({ target }) => {
    if (target.getAttribute("aria-describedby")) refuser(target, "");
    suivre();
  });
}
