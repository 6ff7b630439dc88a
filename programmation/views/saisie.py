"""Saisir une action : la créer, la modifier, la déposer ; montrer les deux versions quand deux personnes y touchent."""

import re
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views import View
from django.views.decorators.http import require_safe

from comptes import conservation
from politique_ville.outils.francais import euros
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..forms.conflit import Lu, comparer, reunir, saisie_de
from ..forms.organismes import NouveauPorteurForm
from ..forms.saisie import CHAMPS_DU_MODELE, ActionForm
from ..models import Action
from ..operations import ConflitDeVersion, OperationRefusee
from ..synthese import plan_de_financement
from ..synthese.reconduction import an_dernier
from .mixins import IDENTIFIANT, exiger

DEPOSER, RESOUDRE = "deposer", "resoudre"
ACTUALISER = "actualiser"  # réaffiche la saisie avec les choix à jour, sans rien vérifier
REPRIS = ["exercice", "echelle", "contrat", "campagne", "porteur", "etablissement", "dispositif"]
JAMAIS_LUE = 0  # la version d'une action que le formulaire a créée sans la relire
DEJA_AUTREMENT = "Ce formulaire avait déjà enregistré cette action, autrement : choisir ce qu’il faut garder."
ROLE_QUI_LIT = "Votre rôle ne permet pas de saisir des actions."

# Ce que le fragment renvoie quand tel champ change ; les autres blocs restent comme l'agent les a laissés.
BLOCS = {
    "exercice": ["campagne", "echelle", "contrat", "quartiers", "classement", "agent", "modele"],
    "echelle": ["campagne", "contrat", "quartiers"],
    "contrat": ["campagne", "quartiers"],
    "thematique": ["pilier"],
    "dispositif": ["pilier"],
}


class SaisieView(View):
    """La page de saisie ; sans `pk`, une création."""

    def dispatch(self, request, pk=None):
        self.action = action_a_modifier(request.user, pk) if pk else None
        self.enveloppe_lue = self.action.enveloppe_id if self.action else None
        exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
        self.titre = insecables(f"Modifier « {self.action} »") if self.action else "Ajouter une action"
        return super().dispatch(request)

    def get(self, request):
        empechement = regles.empechement_de_modifier(self.action) if self.action else ""
        if empechement:
            messages.warning(request, insecables(empechement))
            return redirect(self.action)
        retrouvee = self.retrouvee()
        if retrouvee:
            return self.page(self.formulaire(conservation.donnees(retrouvee), sans_controle=True), retrouvee)
        repris = {nom: request.GET[nom] for nom in REPRIS if nom in request.GET}
        return self.page(self.formulaire(initial=repris))

    def post(self, request):
        self.pour_deposer = self._veut_deposer()
        if request.POST.get("geste") == ACTUALISER:
            return self.page(self.formulaire(avec_une_ligne_de_plus(request.POST), sans_controle=True))
        formulaire = self.formulaire(request.POST, pour_deposer=self.pour_deposer)
        juste = formulaire.is_valid()
        deja = self.deja_enregistree(formulaire)
        if deja:
            return self.revoir(deja)
        return self.enregistrer(formulaire) if juste else self.page(formulaire)

    def retrouvee(self):
        """Ce que la personne avait tapé ici sans l'enregistrer, ou None ; une action déjà créée ne se reprend pas."""
        saisie = conservation.retrouver(self.request.user, self.request.path)
        if saisie is None or self.action:
            return saisie
        return None if est_deja_creee(conservation.donnees(saisie).get("cle")) else saisie

    def _veut_deposer(self):
        """Seul un brouillon se dépose : si quelqu'un l'a déposé entre-temps, il ne reste qu'à enregistrer."""
        demande = DEPOSER in (self.request.POST.get("geste"), self.request.POST.get("puis"))
        return demande and (self.action is None or self.action.est_brouillon)

    def formulaire(self, donnees=None, **options):
        return ActionForm(donnees, instance=self.action, utilisateur=self.request.user, **options)

    def deja_enregistree(self, formulaire):
        """L'action que ce même formulaire a déjà créée (double clic, page renvoyée), ou None."""
        cle = formulaire.cleaned_data.get("cle")
        if self.action or cle is None:
            return None
        lues = Action.objects.visibles_par(self.request.user).select_related("exercice")
        return lues.filter(cle=cle).first()

    def revoir(self, deja):
        """Le même formulaire revient : s'il dit autre chose que la première fois, l'agent choisit entre les deux."""
        if not regles.peut_modifier(self.request.user, deja):
            return self.dire_deja(deja)
        self.action = action_a_modifier(self.request.user, deja.pk)
        formulaire = self.formulaire(comme_une_modification(self.request.POST, self.action))
        if not formulaire.is_valid():
            return self.page(formulaire)
        saisie = formulaire.saisie()
        if not comparer(None, saisie_de(deja, saisie.champs), saisie):
            return self.dire_deja(deja)
        return self.conflit(formulaire, saisie, "", insecables(DEJA_AUTREMENT))

    def dire_deja(self, action):
        reste = " Elle est en brouillon : il reste à la déposer." if self.pour_deposer and action.est_brouillon else ""
        messages.info(self.request, insecables(f"« {action} » était déjà enregistrée.{reste}"))
        return redirect(action)

    def enregistrer(self, formulaire):
        saisie = formulaire.saisie()
        try:
            if self.request.POST.get("geste") == RESOUDRE:
                return self.resoudre(formulaire, saisie)
            return self.reussir(formulaire, self.executer(formulaire, saisie))
        except ConflitDeVersion:
            return self.conflit(formulaire, saisie, self.request.POST.get("vu") or formulaire.cleaned_data["lu"])
        except OperationRefusee as refus:
            formulaire.refuser(refus)
            deja = self.deja_enregistree(formulaire)
            return self.revoir(deja) if deja else self.page(formulaire)

    def executer(self, formulaire, saisie):
        qui = {"par": self.request.user, "motif": formulaire.cleaned_data["motif"]}
        if self.pour_deposer:
            return operations.enregistrer_et_deposer(saisie, **qui)
        return operations.enregistrer([saisie], **qui)[0]

    # --- Deux personnes en même temps ---

    def conflit(self, formulaire, saisie, jeton, phrase=""):
        """Les trois états, champ par champ ; rien n'a été enregistré. `jeton` : ce que l'agent avait sous les yeux."""
        actuelle = action_a_modifier(self.request.user, self.action.pk)
        base, lu = saisie_de(actuelle, saisie.champs), Lu.du_jeton(jeton)
        ecarts = comparer(lu.textes, base, saisie, choix_du_conflit(self.request.POST))
        if not ecarts:
            messages.info(self.request, insecables(f"« {actuelle} » est déjà telle que vous l’avez saisie."))
            return redirect(actuelle)
        contexte = {
            "action": actuelle,
            "formulaire": formulaire,
            "ecarts": ecarts,
            "changements": actuelle.history.filter(version__gt=lu.version).select_related("history_user"),
            "renvoyes": champs_a_renvoyer(formulaire.data),
            "lu": jeton,
            "vu": Lu.de(base).jeton,
            "puis": DEPOSER if self.pour_deposer else "",
            "phrase": phrase,
        }
        return render(self.request, "programmation/conflit.html", contexte, status=409)

    def resoudre(self, formulaire, saisie):
        """Enregistre les choix de la page de conflit ; lève ConflitDeVersion si l'action a encore changé depuis."""
        base = saisie_de(action_a_modifier(self.request.user, self.action.pk), saisie.champs)
        choix = choix_du_conflit(self.request.POST)
        jeton = formulaire.cleaned_data["lu"]
        if base.version == saisie.version and any(e.cle not in choix for e in comparer(None, base, saisie)):
            return self.conflit(formulaire, saisie, jeton, "Choisir une valeur sur chaque ligne.")
        try:
            return self.reussir(formulaire, self.executer(formulaire, reunir(base, saisie, choix)))
        except ConflitDeVersion:
            raise
        except OperationRefusee as refus:
            return self.conflit(formulaire, saisie, jeton, insecables(" ".join(refus.messages)))

    # --- Répondre ---

    def page(self, formulaire, retrouvee=None):
        contexte = {
            "formulaire": formulaire,
            "action": self.action,
            "titre": self.titre,
            "lu": self.lu(formulaire),
            "nouveau_porteur": NouveauPorteurForm(),
            "retrouvee": retrouvee,
            "an_dernier": an_dernier(self.action, Action.objects.visibles_par(self.request.user))
            if self.action
            else None,
        }
        return render(self.request, "programmation/action_form.html", contexte)

    def lu(self, formulaire):
        """Ce que l'agent lit en ouvrant la page, signé ; ensuite, ce que son formulaire rapporte."""
        if self.action is None or formulaire.is_bound:
            return formulaire["lu"].value() or ""
        return Lu.de(saisie_de(self.action, [champ for champ in CHAMPS_DU_MODELE if champ != "exercice"])).jeton

    def reussir(self, formulaire, action):
        messages.success(self.request, self.phrase_de_reussite(action))
        self.signaler_les_jumelles(action)
        anomalie = anomalie_du_plan(action)
        if anomalie:
            messages.warning(self.request, insecables(anomalie))
        return redirect(action)

    def signaler_les_jumelles(self, action):
        """Une page rouverte par le bouton Retour crée une seconde action : permis, mais dit."""
        if self.action:
            return
        jumelle = Action.objects.visibles_par(self.request.user).jumelles_sans_dossier(action).first()
        if jumelle:
            phrase = insecables(
                "Une autre action sans dossier a le même intitulé, dans le même contrat et le même exercice : "
            )
            lien = '{}<a class="fr-link" href="{}">la comparer</a>.'
            messages.warning(self.request, format_html(lien, phrase, jumelle.get_absolute_url()))

    def phrase_de_reussite(self, action):
        """Nomme l'action et l'enveloppe reçue d'office, et propose la suivante au même endroit, au même porteur."""
        fait = "déposée" if self.pour_deposer else "enregistrée en brouillon" if action.est_brouillon else "enregistrée"
        gardes = {nom: getattr(action, f"{nom}_id") for nom in ("exercice", "contrat", "porteur", "etablissement")}
        suite = urlencode({nom: valeur for nom, valeur in gardes.items() if valeur})
        adresse = f"{reverse('programmation:action_create')}?{suite}"
        recue = action.enveloppe_id not in (None, self.enveloppe_lue)
        phrase = insecables(f"« {action} » est {fait}." + (f" Enveloppe : « {action.enveloppe} »." if recue else ""))
        return format_html('{} <a class="fr-link" href="{}">Ajouter une autre action</a>', phrase, adresse)


def action_a_modifier(utilisateur, pk):
    """L'action, si cette personne la voit (404) et l'écrit (403)."""
    lues = Action.objects.visibles_par(utilisateur).select_related(
        "exercice__departement", "exercice__nomenclature", "campagne", "contrat", "porteur", "etablissement"
    )
    action = get_object_or_404(lues, pk=pk)
    exiger(regles.peut_gerer(utilisateur, action), "Vous lisez cette action sans pouvoir la modifier.")
    return action


def est_deja_creee(cle):
    """Une action porte-t-elle déjà cette clé, telle que le formulaire l'a écrite ?"""
    try:
        return Action.objects.filter(cle=cle).exists()
    except ValidationError:
        return False


def anomalie_du_plan(action):
    """La phrase qui nomme un plan déséquilibré, permis mais signalé, ou ""."""
    ecart = plan_de_financement(action).ecart
    if not ecart:
        return ""
    sens = f"il manque {euros(-ecart)}" if ecart < 0 else f"il y a {euros(ecart)} en trop"
    return f"Plan déséquilibré : {sens} par rapport au coût de {euros(action.cout_previsionnel)}."


def choix_du_conflit(donnees):
    return {nom.removeprefix("choix-"): valeur for nom, valeur in donnees.items() if nom.startswith("choix-")}


def champs_a_renvoyer(donnees):
    """La saisie entière, pour la page de conflit : rien ne s'y perd."""
    propres = {"csrfmiddlewaretoken", "geste", "puis", "version", "lu", "vu", "motif"}
    noms = [nom for nom in donnees if nom not in propres and not nom.startswith("choix-")]
    return [(nom, valeur) for nom in noms for valeur in donnees.getlist(nom)]


def comme_une_modification(donnees, action):
    """La saisie d'une création, telle que l'aurait envoyée la page de l'action ; une campagne vide est celle reçue."""
    donnees = donnees.copy()
    donnees["version"] = str(JAMAIS_LUE)
    donnees["campagne"] = donnees.get("campagne") or str(action.campagne_id)
    return donnees


def avec_une_ligne_de_plus(donnees):
    """Sans JavaScript, actualiser donne aussi une ligne vide de plus au plan."""
    donnees = donnees.copy()
    nombre = donnees.get("plan-TOTAL_FORMS", "")
    if re.fullmatch(r"[0-9]{1,3}", nombre):
        donnees["plan-TOTAL_FORMS"] = str(int(nombre) + 1)
    return donnees


@require_safe
def choix_de_la_saisie(request):
    """Les choix qui dépendent du champ qui vient de changer, à poser dans la page sans toucher au reste."""
    exiger(regles.peut_saisir_quelque_part(request.user), ROLE_QUI_LIT)
    cle = request.GET.get("action", "")
    action = action_a_modifier(request.user, cle) if re.fullmatch(IDENTIFIANT, cle) else None
    declencheur = request.htmx.trigger_name
    valeurs = {nom: request.GET[nom] for nom in request.GET} | {"quartiers": request.GET.getlist("quartiers")}
    formulaire = ActionForm(instance=action, initial=valeurs, utilisateur=request.user)
    if declencheur in ("thematique", "dispositif"):
        formulaire.reprendre_la_proposition(request.GET.get("pilier_propose", ""))
    blocs = BLOCS.get(declencheur) or BLOCS["exercice"]
    return render(
        request, "programmation/_choix_de_la_saisie.html", {"formulaire": formulaire, "blocs": blocs, "oob": True}
    )
