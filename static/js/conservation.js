// Ce qui est tapé se range sur le serveur, au fil de la frappe ; ce qui a été retrouvé revient dans le formulaire.
// Un formulaire qui se conserve porte un champ caché [data-conservation]. Sans ce script, l'envoi d'une session expirée
// est gardé quand même.

const DELAI = 2000; // ms sans frappe avant de ranger

// De quelle saisie il s'agit, et rien d'autre.
function designer(champ) {
  const jeton = champ.form.elements.csrfmiddlewaretoken;
  return new URLSearchParams([[champ.name, champ.value], [jeton.name, jeton.value]]);
}

const oublier = (champ) =>
  fetch(champ.dataset.abandonner, { method: "POST", body: designer(champ), redirect: "manual" }).catch(() => null);

// --- Au fil de la frappe ---

function suivre(champ) {
  const formulaire = champ.form;
  let attente = null;
  let enVol = null;
  let envoye = false;

  const ranger = async (options = {}) => {
    clearTimeout(attente);
    attente = null;
    enVol = new AbortController();
    const corps = new URLSearchParams(new FormData(formulaire));
    const requete = { method: "POST", body: corps, redirect: "manual", signal: enVol.signal, ...options };
    const reponse = await fetch(champ.dataset.conserver, requete).catch(() => null);
    if (reponse?.type === "opaqueredirect") direLaSessionExpiree(champ);
  };
  const arreter = () => {
    clearTimeout(attente);
    attente = null;
    enVol?.abort();
  };
  const bientot = ({ target }) => {
    if (envoye || target.form !== formulaire) return;
    clearTimeout(attente);
    attente = setTimeout(ranger, DELAI);
  };
  // Un champ peut appartenir au formulaire sans être dedans : des cases à cocher dans un tableau voisin.
  document.addEventListener("input", bientot);
  document.addEventListener("change", bientot);
  // L'envoi dit tout : rien ne doit arriver après lui.
  formulaire.addEventListener("submit", (evenement) => {
    if (evenement.defaultPrevented) return;
    envoye = true;
    arreter();
  });
  // La page quittée avant la fin du délai : les dernières frappes partent quand même.
  window.addEventListener("pagehide", () => attente !== null && ranger({ keepalive: true }));
  window.addEventListener("pageshow", ({ persisted }) => persisted && (envoye = false));
  for (const lien of formulaire.querySelectorAll("a[data-abandonne]")) {
    lien.addEventListener("click", async (evenement) => {
      evenement.preventDefault();
      arreter();
      await oublier(champ); // la page suivante ne doit plus la retrouver
      location.assign(lien.href);
    });
  }
  return arreter;
}

function direLaSessionExpiree(champ) {
  if (champ.form.querySelector("[data-session-expiree]")) return;
  const phrase = document.createElement("p");
  phrase.className = "fr-message fr-message--info fr-my-2w";
  phrase.dataset.sessionExpiree = "";
  phrase.setAttribute("role", "status");
  phrase.textContent =
    "Votre session a expiré. Rien n’est perdu\u00a0: à l’envoi, il faudra vous reconnecter, puis votre saisie sera retrouvée.";
  champ.form.append(phrase);
}

// --- Remettre ce qui a été retrouvé ---

// Chaque valeur revient dans le champ de son nom ; les compteurs d'un tableau restent ceux de la page.
function remettre(formulaire, paires, noms = null) {
  const valeurs = new Map();
  for (const [nom, valeur] of paires) valeurs.set(nom, [...(valeurs.get(nom) ?? []), valeur]);
  for (const champ of formulaire.elements) {
    if (!champ.name || champ.matches("button, [type=submit], [data-conservation], [name=csrfmiddlewaretoken]")) continue;
    if (noms && !noms.has(champ.name)) continue;
    if (/-(TOTAL|INITIAL|MIN_NUM|MAX_NUM)_FORMS$/.test(champ.name)) continue;
    const siennes = valeurs.get(champ.name) ?? [];
    if (champ.type === "checkbox" || champ.type === "radio") champ.checked = siennes.includes(champ.value);
    else if (champ.multiple) for (const option of champ.options) option.selected = siennes.includes(option.value);
    else if (siennes.length) champ.value = siennes.shift();
    if (champ.type !== "hidden" && champ.value) champ.closest("details")?.setAttribute("open", "");
  }
  for (const nom of ["input", "change"]) formulaire.dispatchEvent(new Event(nom, { bubbles: true })); // les totaux suivent
}

// Des champs que le serveur n'ajoute qu'une fois un choix fait : les quartiers d'un contrat.
function completer(formulaire, paires) {
  const absents = new Set(paires.map(([nom]) => nom).filter((nom) => !formulaire.elements[nom]));
  if (!absents.size) return;
  document.body.addEventListener("htmx:afterSettle", () => {
    remettre(formulaire, paires, absents);
    for (const nom of absents) if (formulaire.elements[nom]) absents.delete(nom);
  });
  const demander = () => formulaire.querySelectorAll("select[hx-get]").forEach((choix) => htmx.trigger(choix, "change"));
  document.addEventListener("DOMContentLoaded", demander); // htmx est alors à l'écoute
}

function reprendre(champ, gardee, arreter) {
  const annonce = document.querySelector("[data-retrouvee]");
  const paires = JSON.parse(gardee.textContent);
  remettre(champ.form, paires);
  completer(champ.form, paires);
  annonce.hidden = false;
  annonce.querySelector("[data-oublier]").addEventListener("click", async () => {
    arreter();
    await oublier(champ);
    location.reload();
  });
  // Des cellules s'enregistrent sans quitter la page : après la dernière, il n'y a plus rien à retrouver.
  champ.form.addEventListener("cellules:enregistrees", () => {
    annonce.hidden = true;
    oublier(champ);
  }, { once: true });
  champ.form.dispatchEvent(new Event("saisie:remise"));
}

for (const champ of document.querySelectorAll("[data-conservation]")) {
  const arreter = champ.dataset.conserver ? suivre(champ) : () => {};
  const gardee = document.getElementById("saisie-retrouvee");
  if (gardee) reprendre(champ, gardee, arreter);
}
