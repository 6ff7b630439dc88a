// La décision : le total suit chaque frappe, et la page avertit dès que la demande est dépassée. Tout se compte en
// centimes entiers, comme sur le serveur. Sans ce script, le serveur vérifie et dit la même chose à l'envoi.

const euros = new Intl.NumberFormat("fr-FR", { style: "currency", currency: "EUR" });

// Les centimes d'un montant écrit par un agent (« 1 234,50 € »), ou null s'il est vide ou illisible.
function lireCentimes(texte) {
  const brut = texte.replace(/[\s€]/g, "").replace(",", ".");
  const morceaux = /^(\d+)(?:\.(\d{1,2}))?$/.exec(brut);
  return morceaux ? Number(morceaux[1]) * 100 + Number((morceaux[2] || "").padEnd(2, "0")) : null;
}

function enEuros(centimes) {
  return euros.format(centimes / 100);
}

for (const formulaire of document.querySelectorAll("form[data-decision]")) {
  const nature = formulaire.querySelector("[name=nature]");
  const montants = [...formulaire.querySelectorAll("input[name$=montant]")];
  const total = formulaire.querySelector("[data-total]");
  const avertissements = new Map(montants.map((champ) => [champ, creerAvertissement(champ)]));

  const suivre = () => {
    const avecMontant = nature.dataset.avecMontant.split(" ").includes(nature.value);
    const attribution = nature.value === "attribution";
    let somme = 0;
    let depassement = 0;
    for (const champ of montants) {
      champ.readOnly = !avecMontant;
      const centimes = lireCentimes(champ.value) ?? 0;
      const demande = champ.dataset.demande;
      const trop = attribution && demande !== undefined ? Math.max(centimes - Number(demande), 0) : 0;
      avertissements.get(champ).textContent = trop ? `Dépasse la demande de ${enEuros(trop)} : motif exigé.` : "";
      somme += avecMontant ? centimes : 0;
      depassement += trop;
    }
    if (total) {
      total.value = avecMontant ? enEuros(somme) : "sans montant";
      if (depassement) total.value += `, dont ${enEuros(depassement)} au-delà de la demande`;
    }
  };

  formulaire.addEventListener("input", suivre);
  formulaire.addEventListener("change", suivre);
  suivre();
}

function creerAvertissement(champ) {
  const texte = document.createElement("span");
  texte.className = "pv-depasse";
  texte.setAttribute("role", "status");
  champ.after(texte);
  return texte;
}
