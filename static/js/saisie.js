// La saisie d'une action : plan de financement en direct, lignes au clavier.
// L'argent est en centimes entiers (BigInt), jamais en nombre à virgule. Sans ce script, le formulaire marche encore.

const formulaire = document.querySelector("form[data-saisie]");
const plan = formulaire?.querySelector("[data-plan]");

// --- Montants ---

// « 1 234,50 € » avec n'importe quelle espace → 123450n ; null si le champ est vide ; undefined si c'est illisible.
function centimes(texte) {
  const brut = texte.replace(/[\s\u00a0\u202f\u2009]/g, "").replace(/€$/, "");
  if (brut === "") return null;
  const morceaux = /^(\d+)(?:[.,](\d{1,2}))?$/.exec(brut);
  if (!morceaux) return undefined;
  return BigInt(morceaux[1]) * 100n + BigInt((morceaux[2] ?? "").padEnd(2, "0"));
}

// 123450n → « 1 234,50 », espace fine insécable entre les milliers.
function nombre(valeur) {
  const positif = valeur < 0n ? -valeur : valeur;
  const milliers = (positif / 100n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return `${valeur < 0n ? "−" : ""}${milliers},${(positif % 100n).toString().padStart(2, "0")}`;
}

const euros = (valeur) => `${nombre(valeur)}\u00a0€`;

// La part en %, à un dixième, le demi vers le haut.
function pourcent(part, total) {
  const dixiemes = (part * 2000n + total) / (total * 2n);
  return `${dixiemes / 10n},${dixiemes % 10n}\u00a0%`;
}

// --- Lignes du plan ---

const lignes = () => [...plan.querySelectorAll("[data-ligne]")];
const champ = (ligne, nom) => ligne.querySelector(`[name$="-${nom}"]`);
const estRetiree = (ligne) => champ(ligne, "DELETE").checked;
const financeurChoisi = (ligne) => champ(ligne, "financeur").selectedOptions[0];
const estP147 = (ligne) => financeurChoisi(ligne)?.hasAttribute("data-p147") ?? false;

function ajouterUneLigne() {
  const compteur = plan.querySelector('[name$="-TOTAL_FORMS"]');
  const modele = plan.querySelector("[data-ligne-vide]").content.querySelector("[data-ligne]");
  const ligne = document.importNode(modele, true);
  for (const element of [ligne, ...ligne.querySelectorAll("*")]) {
    for (const attribut of [...element.attributes]) {
      if (attribut.value.includes("__prefix__")) attribut.value = attribut.value.replaceAll("__prefix__", compteur.value);
    }
  }
  compteur.value = Number(compteur.value) + 1;
  plan.querySelector("[data-lignes]").append(ligne);
  champ(ligne, "financeur").focus();
  calculer();
}

// Le financeur propose sa nature ; l'accordé et l'état du P147 viennent des décisions.
function suivreLeFinanceur(ligne) {
  const nature = financeurChoisi(ligne)?.dataset.nature;
  if (nature) champ(ligne, "nature").value = nature;
  reserverAuxDecisions(ligne);
}

function reserverAuxDecisions(ligne) {
  for (const nom of ["accorde", "verse", "date_etat"]) champ(ligne, nom).readOnly = estP147(ligne);
  champ(ligne, "etat").disabled = estP147(ligne);
}

// Dernière ligne : Entrée en ajoute une ; ailleurs, elle descend d'une ligne, comme dans un tableur.
function entreeDansLePlan(evenement) {
  const ligne = evenement.target.closest("[data-ligne]");
  if (evenement.key !== "Enter" || !ligne) return;
  evenement.preventDefault();
  const suivante = ligne.nextElementSibling;
  if (!suivante) return ajouterUneLigne();
  champ(suivante, evenement.target.name.split("-").pop()).focus();
}

function replier(replie) {
  plan.classList.toggle("pv-plan--replie", replie);
  plan.querySelector("[data-replier]").setAttribute("aria-expanded", String(!replie));
}

const aUneSuite = () =>
  ["propose", "accorde", "verse", "date_etat"].some((nom) => lignes().some((ligne) => champ(ligne, nom).value !== "")) ||
  plan.querySelector(".pv-suite .fr-message--error") !== null;

// --- Bilan ---

function calculer() {
  let total = 0n;
  let p147 = 0n;
  let connus = 0;
  let illisibles = 0;
  for (const ligne of lignes()) {
    ligne.classList.toggle("pv-ligne--retiree", estRetiree(ligne));
    if (estRetiree(ligne)) continue;
    const demande = centimes(champ(ligne, "demande").value);
    if (demande === undefined) illisibles += 1;
    if (demande === undefined || demande === null) continue;
    connus += 1;
    total += demande;
    if (estP147(ligne)) p147 += demande;
  }
  const cout = centimes(formulaire.elements.cout_previsionnel.value);
  if (cout === undefined) illisibles += 1;
  montrer({ total: connus ? total : null, p147, cout: cout ?? null, illisibles });
}

function montrer({ total, p147, cout, illisibles }) {
  const ecart = total === null || cout === null ? null : total - cout;
  const ecrire = (nom, texte) => (plan.querySelector(`[data-${nom}]`).textContent = texte);
  ecrire("total", total === null ? "—" : euros(total));
  ecrire("ecart", ecart === null ? "—" : `${ecart > 0n ? "+" : ""}${euros(ecart)}`);
  ecrire("part", total ? pourcent(p147, total) : "—");
  const phrase = phraseDuBilan(ecart, illisibles);
  const element = plan.querySelector("[data-phrase]");
  element.textContent = phrase;
  element.hidden = phrase === "";
  element.classList.toggle("pv-bilan__phrase--anomalie", ecart !== 0n || illisibles > 0);
  annoncer(total === null ? phrase : `Total demandé ${euros(total)}. ${phrase}`);
}

function phraseDuBilan(ecart, illisibles) {
  if (illisibles) return "Un montant n’est pas lisible\u00a0: écrire des chiffres, par exemple 1\u202f234,50.";
  if (ecart === null) return "";
  if (ecart === 0n) return "Le plan est équilibré.";
  return `Plan déséquilibré\u00a0: il ${ecart < 0n ? `manque ${euros(-ecart)}` : `y a ${euros(ecart)} en trop`}.`;
}

// Lu par les lecteurs d'écran une fois la frappe finie, pas à chaque chiffre.
let attente;
function annoncer(texte) {
  clearTimeout(attente);
  const zone = plan.querySelector("[data-bilan-lu]");
  attente = setTimeout(() => {
    if (zone.textContent !== texte) zone.textContent = texte;
  }, 800);
}

function mettreEnForme(saisie) {
  const valeur = centimes(saisie.value);
  if (valeur !== null && valeur !== undefined) saisie.value = nombre(valeur);
}

// L'exercice a changé de département : les lignes déjà là prennent les financeurs du nouveau modèle.
function renouvelerLesFinanceurs() {
  const modele = plan.querySelector("[data-ligne-vide]").content.querySelector('[name$="-financeur"]');
  for (const ligne of lignes()) {
    const select = champ(ligne, "financeur");
    const choisi = select.value;
    select.replaceChildren(...[...modele.children].map((enfant) => document.importNode(enfant, true)));
    select.value = choisi;
    if (select.selectedIndex < 0) select.value = "";
  }
  calculer();
}

// --- Clés des quartiers : un quartier seul prend tout, sa clé ne répartit rien ---

function montrerLesCles() {
  const quartiers = document.getElementById("id_quartiers");
  if (!quartiers) return;
  const seul = quartiers.querySelectorAll("input:checked").length < 2 && !quartiers.querySelector(".fr-message--error");
  quartiers.classList.toggle("pv-quartier-seul", seul);
}

// --- Référence Dauphin collée ---

function repartirLeDossier() {
  const { dossier, tranche } = formulaire.elements;
  const reference = /^\s*(?:DA)?\s*(\d{8})\s*[-–/]\s*(\d{1,2})\s*$/i.exec(dossier.value);
  if (!reference) return;
  dossier.value = reference[1];
  tranche.value = Number(reference[2]);
}

// --- Mise en route ---

if (plan) {
  plan.querySelector("[data-outils-du-plan]").hidden = false;
  plan.querySelector("[data-bilan]").hidden = false;
  for (const montant of formulaire.querySelectorAll("[inputmode=decimal]")) mettreEnForme(montant);
  replier(!aUneSuite());
  plan.querySelector("[data-ajouter-une-ligne]").addEventListener("click", ajouterUneLigne);
  plan.querySelector("[data-replier]").addEventListener("click", () => {
    replier(!plan.classList.contains("pv-plan--replie"));
  });
  plan.addEventListener("keydown", entreeDansLePlan);
  calculer();
  montrerLesCles();

  formulaire.addEventListener("input", calculer);
  formulaire.addEventListener("change", ({ target }) => {
    if (target.name.endsWith("-financeur")) suivreLeFinanceur(target.closest("[data-ligne]"));
    if (target.inputMode === "decimal") mettreEnForme(target);
    if (target.name === "dossier") repartirLeDossier();
    if (target.name === "quartiers") montrerLesCles();
    calculer();
  });
  // Dans une longue page, Entrée dans un champ n'enregistre pas par mégarde ; les boutons le font.
  formulaire.addEventListener("keydown", (evenement) => {
    const { key, target } = evenement;
    if (key === "Enter" && target.matches("input") && target.form === formulaire) evenement.preventDefault();
  });
  document.body.addEventListener("htmx:oobAfterSwap", ({ detail }) => {
    if (detail.target.id === "bloc-modele") renouvelerLesFinanceurs();
    if (detail.target.id === "bloc-quartiers") montrerLesCles();
  });
}
