"""Les justifications : la liste, la saisie d'un compte rendu financier ; le suivi d'un autre financeur."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import CodeParametre
from ..forms.execution import JustificationForm, SuiviForm
from ..forms.filtres_execution import JustificationFilterSet
from ..historique import Suivi, lire_les_gestes
from ..models import Action, Financement, Justification
from ..models.actions import actions_lues_par_l_etat
from ..operations import DemandeDeJustification, JustificationChangee, OperationRefusee, VoteOuVersement
from ..synthese.delais import Regle
from ..synthese.execution import execution_de
from ..synthese.justifications import (
    a_justifier_ou_justifiees,
    avec_execution,
    ligne_de_justification,
    totaux_des_justifications,
)
from .engagements import SANS_DROIT, geste
from .mixins import exiger
from .tableaux import ColonneDeTableau, Tableau, exiger_l_etat, recu, repondre

LUES = ["exercice__departement", "contrat", "porteur__fusionne_dans", "justification"]
DELAI_INCONNU = insecables(
    "Le délai de justification n’est pas renseigné dans l’administration : aucune échéance ne se calcule."
)


# --- La liste ---


@require_safe
def justification_list(request):
    exiger_l_etat(request)
    actions = a_justifier_ou_justifiees(actions_lues_par_l_etat(request.user))
    filtre = JustificationFilterSet(request.GET, actions, request=request)
    regle, jour = Regle(CodeParametre.DELAI_JUSTIFICATION), timezone.localdate()
    siennes = filtre.qs.order_by()
    totaux = totaux_des_justifications(siennes)
    lues = avec_execution(Action.objects.filter(pk__in=siennes.values("pk"))).select_related(*LUES)
    tableau = Tableau(
        nom="justifications",
        filtre=filtre,
        colonnes=colonnes(regle, jour),
        lignes=lues.order_by("fin_prorogee", "recherche", "pk"),
        nombre=totaux.nombre,
        mots="action,actions",
        totaux={nom: getattr(totaux, nom) for nom in ("accorde", "paye", "depense", "non_utilise", "justifie")},
    )
    sans_delai = "" if regle.est_connue else DELAI_INCONNU
    return repondre(request, tableau, "programmation/justification_list.html", sans_delai=sans_delai)


def colonnes(regle, jour):
    def lue(action):
        return ligne_de_justification(action, regle, jour)

    def dit(nom):
        return lambda action: getattr(getattr(action, "justification", None), nom, None)

    return (
        ColonneDeTableau(
            "action",
            "Action",
            lambda a: a.intitule,
            largeur=44,
            tri="recherche",
            lien=lambda a: f"{a.get_absolute_url()}#execution",
        ),
        ColonneDeTableau("porteur", "Porteur", lambda a: str(a.porteur.courant), largeur=32),
        ColonneDeTableau(
            "contrat", "Contrat", lambda a: a.contrat.nom_court if a.contrat else "Département", repliee=True
        ),
        ColonneDeTableau(
            "fin", "Fin de l’action", lambda a: a.fin_prorogee, "date", 12, tri="fin_prorogee", repliee=True
        ),
        ColonneDeTableau("due_le", "Justification due le", lambda a: lue(a).due_le, "date", 12),
        ColonneDeTableau("etat", "État", lambda a: lue(a).libelle, largeur=16, badge=lambda a: lue(a).couleur),
        ColonneDeTableau("recue_le", "Reçue le", dit("recue_le"), "date", 12, a_l_ecran=False),
        ColonneDeTableau("accorde", "Accordé P147", lambda a: a.accorde, "euros", 16, tri="accorde"),
        ColonneDeTableau("paye", "Payé, net", lambda a: a.paye, "euros", 16, tri="paye", repliee=True),
        ColonneDeTableau("depense", "Dépensé", dit("depense"), "euros", 16, repliee=True),
        ColonneDeTableau("non_utilise", "P147 non utilisé", dit("non_utilise"), "euros", 16, repliee=True),
        ColonneDeTableau("justifie", "Justifié", lambda a: a.justifie, "euros", 16),
        ColonneDeTableau("suite", "Suite", suite, largeur=20, a_l_ecran=False),
        ColonneDeTableau(
            "prevus", "Bénéficiaires prévus", lambda a: a.beneficiaires_prevus, "entier", 12, a_l_ecran=False
        ),
        ColonneDeTableau(
            "realises", "Bénéficiaires réalisés", dit("beneficiaires_realises"), "entier", 12, repliee=True
        ),
    )


def suite(action):
    justification = getattr(action, "justification", None)
    return justification.get_suite_display() if justification else ""


# --- Saisir ---


def justification_update(request, pk):
    """Enregistrer ou corriger la justification de l'action `pk`."""
    action = action_a_executer(request, pk)
    justification = Justification.objects.filter(action=action).first()
    formulaire = JustificationForm(justification, recu(request))
    conflit = None
    if request.method == "POST" and formulaire.is_valid():
        try:
            demande = DemandeDeJustification(action, formulaire.valeurs, formulaire.version_lue)
            operations.justifier([demande], par=request.user, motif=formulaire.cleaned_data["motif"])
        except JustificationChangee as refus:
            if formulaire.redit(refus.justification):
                messages.info(request, "Cette justification est déjà enregistrée.")
                return redirect(f"{action.get_absolute_url()}#execution")
            conflit = refus.justification
            formulaire.data = formulaire.data.copy()
            formulaire.data["version"] = conflit.version
        except OperationRefusee as refus:
            formulaire.refuser(refus)
        else:
            messages.success(request, "La justification est enregistrée.")
            return redirect(f"{action.get_absolute_url()}#execution")
    return render(
        request,
        "programmation/justification_form.html",
        contexte(action, justification, formulaire, conflit),
        status=409 if conflit else 200,
    )


def contexte(action, justification, formulaire, conflit):
    regle = Regle(CodeParametre.DELAI_JUSTIFICATION)
    return {
        "action": action,
        "formulaire": formulaire,
        "conflit": conflit,
        "empechement": insecables(regles.empechement_de_justifier(action)),
        "ligne": ligne_de_justification(action, regle, timezone.localdate()),
        "execution": execution_de(action),
        "historique": lire_les_gestes([Suivi(Justification, {"action_id": action.pk}, principal="créée")]),
    }


def action_a_executer(request, pk):
    """L'action, si la personne en lit l'exécution (404 sinon) et peut l'écrire (403 sinon)."""
    lues = actions_lues_par_l_etat(request.user).select_related(*LUES, "campagne")
    action = get_object_or_404(lues, pk=pk)
    exiger(regles.peut_executer(request.user, action), SANS_DROIT)
    return action


# --- Suivre un autre financeur ---


def suivi_create(request, pk):
    """Enregistrer ce qu'un autre financeur a voté ou versé, pour la ligne de plan `pk`."""
    lues = Financement.objects.filter(action__in=actions_lues_par_l_etat(request.user).values("pk"))
    ligne = get_object_or_404(lues.select_related("financeur", "action__exercice__departement"), pk=pk)
    action = ligne.action
    exiger(regles.peut_executer(request.user, action), SANS_DROIT)
    suivis = list(ligne.suivis.order_by("date", "pk"))
    connu = suivis[-1] if suivis else ligne
    vote = connu if action.exercice.est_clos else ligne  # avant la clôture, un vote s'écrit dans le plan
    initial = {"etat": vote.etat, "accorde": vote.accorde, "verse": connu.verse, "vus": len(suivis)}
    formulaire = SuiviForm(action.exercice.est_clos, recu(request), initial=initial)

    def agir(valides):
        vus, motif = valides.pop("vus"), valides.pop("motif")
        operations.suivre_un_financement(ligne, VoteOuVersement(**valides), par=request.user, motif=motif, vus=vus)
        return f"Le suivi de « {ligne.financeur} » est enregistré."

    def deja(envoye):
        valides = envoye.cleaned_data
        dits = [valides.get(nom) for nom in ("date", "etat", "accorde", "verse")]
        return bool(suivis) and [connu.date, connu.etat, connu.accorde, connu.verse] == dits

    return geste(
        request,
        formulaire,
        agir,
        titre="Suivre un cofinanceur",
        bouton="Enregistrer",
        objet=f"{ligne.financeur}, {action}",
        retour=f"{action.get_absolute_url()}#execution",
        explication="Un fait daté, lu par la seule exécution : le plan de financement ne change pas.",
        deja=deja,
    )
