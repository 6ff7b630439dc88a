// Engager une sélection : le total suit chaque frappe, en centimes entiers. Le serveur, lui, vérifie à l'envoi.

const euros = new Intl.NumberFormat("fr-FR", { style: "currency", currency: "EUR" });

// Les centimes d'un montant écrit par un agent (« 1 234,50 € ») ; zéro s'il est vide ou illisible.
function lireCentimes(texte) {
  const brut = texte.replace(/[\s€]/g, "").replace(",", ".");
  const morceaux = /^(\d+)(?:\.(\d{1,2}))?$/.exec(brut);
  return morceaux ? Number(morceaux[1]) * 100 + Number((morceaux[2] || "").padEnd(2, "0")) : 0;
}

for (const formulaire of document.querySelectorAll("form[data-engagement]")) {
  const total = formulaire.querySelector("[data-total]");
  const suivre = () => {
    const montants = [...formulaire.querySelectorAll("input[name$=montant]")];
    total.value = euros.format(montants.reduce((somme, champ) => somme + lireCentimes(champ.value), 0) / 100);
  };
  formulaire.addEventListener("input", suivre);
  suivre();
}
