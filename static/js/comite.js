// Le comité : total, enveloppes et parts des piliers suivent chaque frappe, qui avertit avant de dépasser la demande ou
// l'enveloppe ; l'écran projeté se rafraîchit seul (htmx). Tout se compte en centimes entiers. Sans ce script, le
// serveur vérifie et dit la même chose.

const enEuros = (centimes) =>
  new Intl.NumberFormat("fr-FR", { style: "currency", currency: "EUR" }).format(centimes / 100).replace("-", "−");

// Les centimes d'un montant écrit par un agent (« 1 234,50 € ») ; 0 s'il est vide ou illisible.
function lireCentimes(texte) {
  const brut = texte.replace(/[\s€]/g, "").replace(",", ".");
  const morceaux = /^(\d+)(?:\.(\d{1,2}))?$/.exec(brut);
  return morceaux ? Number(morceaux[1]) * 100 + Number((morceaux[2] || "").padEnd(2, "0")) : 0;
}

const formulaire = document.querySelector("form[data-seance]");

// Ce que chaque ligne accorde : montant signé, enveloppe, pilier, et ce qui dépasse la demande.
function lireLesLignes() {
  return [...formulaire.querySelectorAll("[data-ligne]")].map((ligne) => {
    const issue = ligne.querySelector("[name$=issue]");
    const champ = ligne.querySelector("[name$=montant]");
    const avecMontant = issue.dataset.avecMontant.split(" ").includes(issue.value);
    const signe = issue.value === "diminution" ? -1 : 1;
    const centimes = lireCentimes(champ.value);
    const demande = champ.dataset.demande;
    const trop = issue.value === "attribution" && demande !== undefined ? Math.max(centimes - Number(demande), 0) : 0;
    const choisie = ligne.querySelector("[name$=enveloppe]")?.value || ligne.dataset.enveloppe;
    const montant = avecMontant ? signe * centimes : 0;
    return { champ, montant, trop, enveloppe: choisie, pilier: ligne.dataset.pilier };
  });
}

function avertir(champ, trop) {
  let texte = champ.parentElement.querySelector(".pv-depasse");
  if (!texte) {
    texte = document.createElement("span");
    texte.className = "pv-depasse";
    texte.setAttribute("role", "status");
    champ.after(texte);
  }
  texte.textContent = trop ? `Dépasse la demande de ${enEuros(trop)} : motif exigé.` : "";
}

// Le reste de chaque enveloppe après cette saisie, mères comprises ; rend les noms de celles qui sont dépassées.
function suivreLesEnveloppes(lignes) {
  const rangees = [...document.querySelectorAll("[data-reste]")];
  const meres = new Map(rangees.map((r) => [r.dataset.enveloppe, r.dataset.mere]));
  const besoins = new Map();
  for (const { enveloppe, montant } of lignes) {
    for (let cle = enveloppe; cle; cle = meres.get(cle)) besoins.set(cle, (besoins.get(cle) ?? 0) + montant);
  }
  const depassees = [];
  for (const rangee of rangees) {
    const besoin = besoins.get(rangee.dataset.enveloppe) ?? 0;
    const apres = Number(rangee.dataset.reste) - besoin;
    const sortie = rangee.querySelector("[data-apres]");
    sortie.value = besoin ? `après\u00a0: ${enEuros(apres)}` : "";
    sortie.classList.toggle("pv-trop", apres < 0);
    if (besoin > 0 && apres < 0) depassees.push(rangee.querySelector("th").firstChild.textContent.trim());
  }
  return depassees;
}

// Les parts en dixièmes de %, par plus forts restes : elles font 100,0 %, comme sur le serveur. Sans total, aucune.
function partsDe(valeurs) {
  const total = valeurs.reduce((somme, valeur) => somme + valeur, 0);
  if (total <= 0) return null;
  const parts = valeurs.map((valeur) => Math.floor((valeur * 1000) / total));
  const restes = valeurs.map((valeur) => (valeur * 1000) % total);
  const ordre = [...valeurs.keys()].sort((a, b) => restes[b] - restes[a] || valeurs[b] - valeurs[a] || a - b);
  const manquantes = 1000 - parts.reduce((somme, part) => somme + part, 0);
  for (const rang of ordre.slice(0, manquantes)) parts[rang] += 1;
  return parts;
}

// La part de chaque pilier, si cette saisie est accordée.
function suivreLesPiliers(lignes) {
  const rangees = [...document.querySelectorAll("tr[data-accorde]")];
  const ajouts = new Map();
  for (const { pilier, montant } of lignes) ajouts.set(pilier, (ajouts.get(pilier) ?? 0) + montant);
  const apres = rangees.map((r) => lireCentimes(r.dataset.accorde) + (ajouts.get(r.dataset.pilier) ?? 0));
  const parts = lignes.some(({ montant }) => montant) ? partsDe(apres) : null;
  rangees.forEach((rangee, rang) => {
    const part = parts && (parts[rang] / 10).toLocaleString("fr-FR", { minimumFractionDigits: 1 });
    rangee.querySelector("[data-part-apres]").value = part ? `après\u00a0: ${part}\u00a0%` : "";
  });
}

function suivre() {
  const lignes = lireLesLignes();
  for (const { champ, trop } of lignes) avertir(champ, trop);
  const total = formulaire.querySelector("[data-total]");
  const trop = lignes.reduce((somme, ligne) => somme + ligne.trop, 0);
  if (total) {
    total.value = enEuros(lignes.reduce((somme, ligne) => somme + ligne.montant, 0));
    if (trop) total.value += `, dont ${enEuros(trop)} au-delà de la demande`;
  }
  suivreLesPiliers(lignes);
  const depassees = suivreLesEnveloppes(lignes);
  const alerte = formulaire.querySelector("[data-alerte]");
  const phrase = depassees.length ? `Au-delà du reste à décider\u00a0: ${depassees.join(", ")}.` : "";
  if (alerte && alerte.value !== phrase) alerte.value = phrase;
}

if (formulaire) {
  // Un montant tapé sans issue est une attribution : l'agent la voit, et peut la changer.
  formulaire.addEventListener("input", ({ target }) => {
    const issue = target.name?.endsWith("montant") && target.closest("[data-ligne]").querySelector("[name$=issue]");
    if (issue && !issue.value && target.value && issue.querySelector("[value=attribution]")) issue.value = "attribution";
    suivre();
  });
  formulaire.addEventListener("change", suivre);
  document.body.addEventListener("htmx:afterSwap", suivre);
  const toutAttribuer = formulaire.querySelector("[data-tout-attribuer]");
  if (toutAttribuer) {
    toutAttribuer.hidden = false;
    toutAttribuer.addEventListener("click", () => {
      for (const ligne of formulaire.querySelectorAll("[data-ligne]")) {
        const issue = ligne.querySelector("[name$=issue]");
        const montant = lireCentimes(ligne.querySelector("[name$=montant]").value);
        if (!issue.value && montant && issue.querySelector("[value=attribution]")) issue.value = "attribution";
      }
      suivre();
    });
  }
  suivre();
}

// Session expirée : la réponse n'est plus l'écran mais la page de connexion ; on la montre en entier.
document.body.addEventListener("htmx:beforeSwap", (evenement) => {
  const { target, serverResponse, xhr } = evenement.detail;
  if (target.id !== "ecran" || xhr.status !== 200 || serverResponse.includes("data-ecran")) return;
  evenement.detail.shouldSwap = false;
  if (!formulaire) location.reload(); // une saisie en cours, elle, reste à l'écran : son envoi se retrouvera
});

// Tout l'ordre du jour à l'écran : l'action examinée y reste visible, sans que personne n'ait à faire défiler.
const montrerLaLigne = () =>
  document.querySelector(".pv-table-projetee [aria-current]")?.scrollIntoView({ block: "center" });
document.body.addEventListener("htmx:afterSwap", montrerLaLigne);
montrerLaLigne();
