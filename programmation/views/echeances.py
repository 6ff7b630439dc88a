"""Les échéances : ce qui attend un geste après la décision, depuis quand, et le geste."""

from collections import Counter

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from politique_ville.outils.francais import pluriel
from politique_ville.outils.listes import remplacer_parametres
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import CodeParametre
from ..forms.filtres_execution import EcheanceFilterSet
from ..models import Acte
from ..models.actions import actions_lues_par_l_etat
from ..synthese.echeances import Echeance, NatureEcheance, ReglesDesEcheances, echeances
from .tableaux import ColonneDeTableau, Tableau, exiger_l_etat, repondre

# Où mène le geste, pour qui peut le faire ; les autres vont à la fiche.
GESTES = {
    NatureEcheance.EN_RETARD: "programmation:justification_update",
    NatureEcheance.DUE: "programmation:justification_update",
    NatureEcheance.A_VALIDER: "programmation:justification_update",
    NatureEcheance.REVERSEMENT: "programmation:justification_update",
}


@require_safe
def echeance_list(request):
    exiger_l_etat(request)
    filtre = EcheanceFilterSet(request.GET, actions_lues_par_l_etat(request.user), request=request)
    regles_datees, jour = ReglesDesEcheances.lire(), timezone.localdate()
    toutes = echeances(filtre.qs, actes_du_filtre(request.user, filtre), jour, regles_datees)
    nombres = Counter(e.nature for e in toutes)
    choisie = filtre.form.cleaned_data.get("nature")
    siennes = [e for e in toutes if not choisie or e.nature == choisie]
    tableau = Tableau(
        nom="echeances",
        filtre=filtre,
        colonnes=colonnes(request.user),
        lignes=siennes,
        nombre=len(siennes),
        mots="échéance,échéances",
    )
    natures = [
        (nature.label, nombres[nature], lien_de_la_nature(request.GET, nature, choisie), nature == choisie)
        for nature in NatureEcheance
        if nombres[nature]
    ]
    delais = [(CodeParametre(regle.code).label, delai_en_mots(regle)) for regle in vars(regles_datees).values()]
    return repondre(request, tableau, "programmation/echeance_list.html", natures=natures, delais=delais)


def actes_du_filtre(utilisateur, filtre):
    """Ceux qui portent une action du filtre."""
    actes = Acte.objects.visibles_par(utilisateur).filter(exercice__in=[e.pk for e in filtre.cadre.exercices])
    porteurs_d_actions = Acte.decisions.through.objects.filter(decision__action__in=filtre.qs.order_by().values("pk"))
    return actes.filter(pk__in=porteurs_d_actions.values("acte"))


def lien_de_la_nature(adresse, nature, choisie):
    return remplacer_parametres(adresse, nature=None if nature == choisie else nature.value, page=None)


def delai_en_mots(regle):
    """La valeur nationale d'aujourd'hui, ou « — » : aucune source ne la fixe."""
    valeur = regle.valeur(None, timezone.localdate())
    return "" if valeur is None else f"{valeur.normalize():f}".replace(".", ",")


def colonnes(utilisateur):
    return (
        ColonneDeTableau("objet", "Action ou acte", lambda e: str(e.objet), largeur=44, lien=adresse_de_l_objet),
        ColonneDeTableau("nature", "Attendu", lambda e: e.nature.label, largeur=28, badge=lambda e: e.nature.couleur),
        ColonneDeTableau("date", "Échéance, ou depuis le", lambda e: e.date, "date", 14),
        ColonneDeTableau("anciennete", "Ancienneté", anciennete, largeur=18),
        ColonneDeTableau(
            "geste",
            "Prochain geste",
            lambda e: e.nature.prochain_geste,
            largeur=40,
            lien=lambda e: adresse_du_geste(e, utilisateur),
        ),
        ColonneDeTableau("organisme", "Porteur", lambda e: str(e.organisme), largeur=32),
        ColonneDeTableau("contrat", "Contrat", contrat, repliee=True),
        ColonneDeTableau("exercice", "Exercice", lambda e: str(e.objet.exercice.annee), largeur=10, repliee=True),
        ColonneDeTableau("montant", "Montant P147", lambda e: e.montant, "euros", 16, repliee=True),
    )


def anciennete(echeance: Echeance) -> str:
    """« il y a 12 jours », « dans 3 jours »."""
    jours = echeance.jours
    if jours is None:
        return ""
    if jours == 0:
        return "aujourd’hui"
    mots = pluriel(abs(jours), "jour", "jours")
    return insecables(f"il y a {mots}" if jours > 0 else f"dans {mots}")


def contrat(echeance):
    if echeance.action is None:
        return ""
    return echeance.action.contrat.nom_court if echeance.action.contrat else "Département"


def adresse_de_l_objet(echeance):
    if echeance.action:
        return f"{echeance.action.get_absolute_url()}#execution"
    ancre = "#echeancier" if echeance.nature == NatureEcheance.VERSEMENT else ""
    return f"{echeance.objet.get_absolute_url()}{ancre}"


def adresse_du_geste(echeance, utilisateur):
    nom = GESTES.get(echeance.nature)
    if nom and regles.peut_executer(utilisateur, echeance.action):
        return reverse(nom, args=[echeance.action.pk])
    if echeance.nature == NatureEcheance.CONVENTION and regles.peut_executer(utilisateur, echeance.action):
        return f"{reverse('programmation:acte_create')}?action={echeance.action.pk}"
    return adresse_de_l_objet(echeance)
