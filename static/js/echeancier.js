// L'échéancier d'un acte : les parts donnent les montants, le total suit la frappe. En centimes entiers (BigInt) ; le
// serveur refait le même partage à l'envoi, et sans ce script le formulaire marche encore.

const formulaire = document.querySelector("form[data-echeancier]");
const attendu = centiemes(formulaire.dataset.echeancier);
const total = formulaire.querySelector("[data-total]");
const champs = (nom) => [...formulaire.querySelectorAll(`[data-ligne] input[name$="-${nom}"]`)];

// « 1 234,5 » → 123450n, des centimes ou des centièmes de pour-cent ; null si le champ est vide ou illisible.
function centiemes(texte) {
  const morceaux = /^(\d+)(?:[.,](\d{1,2}))?$/.exec(texte.replace(/[\s\u00a0\u202f\u2009€%]/g, ""));
  return morceaux && BigInt(morceaux[1]) * 100n + BigInt((morceaux[2] ?? "").padEnd(2, "0"));
}

function ecrire(valeur, separateur = "") {
  const entiers = (valeur / 100n).toString().replace(/\B(?=(\d{3})+$)/g, separateur);
  return `${entiers},${(valeur % 100n).toString().padStart(2, "0")}`;
}

const euros = (valeur) => `${ecrire(valeur, "\u202f")}\u00a0€`;

// Le partage par arrondi cumulé du serveur ; tant que les parts ne font pas 100 %, les montants suivent quand même.
function partager() {
  let avant = 0n;
  champs("part").forEach((part, rang) => {
    const cle = centiemes(part.value);
    if (cle === null) return;
    const apres = avant + cle;
    champs("montant")[rang].value = ecrire((attendu * apres) / 10000n - (attendu * avant) / 10000n);
    avant = apres;
  });
}

function additionner() {
  const somme = champs("montant").reduce((s, champ) => s + (centiemes(champ.value) ?? 0n), 0n);
  const ecart = attendu - somme;
  const suite = ecart === 0n ? "" : ecart > 0n ? `, il manque ${euros(ecart)}` : `, ${euros(-ecart)} de trop`;
  total.value = `${euros(somme)} sur ${euros(attendu)}${suite}`;
}

// Un montant tapé à la main ne vient plus d'une part.
formulaire.addEventListener("input", ({ target }) => {
  if (target.name.endsWith("-part")) partager();
  if (target.name.endsWith("-montant")) for (const part of champs("part")) part.value = "";
  additionner();
});
additionner();
