"""Le sort de chaque fiche : ce que l'opération en ferait, montré champ par champ, ou le refus sur sa cellule."""

from collections.abc import Sequence

from comptes.models import Utilisateur
from politique_ville.outils.tableur.plan import LignePlan, Statut

from .. import operations, regles
from ..enums import StatutAction
from ..operations import Examen
from .conflits import dire_le_conflit, en_conflit, lire_les_bases
from .en_clair import en_clair, lieux
from .fiches import Fiche
from .mots import ont_un_mot_commun
from .rapprochement import Rapprochement
from .totaux import Poids, poids

# Le champ du fichier où se lit une règle que l'opération dit d'un autre nom.
CHAMP_EN_CAUSE = {
    "localisations": "quartiers",
    "plan": "demande_p147",
    "cpo_rang": "duree",
    "cpo_nombre": "duree",
    "etablissement": "siret",
    "campagne": "contrat",
}
DESIGNE_AUJOURD_HUI = {
    "cle": ("cette clé est aujourd’hui celle de", "la ligne"),
    "dossier": ("ce dossier est aujourd’hui", "le numéro"),
}


def examiner(
    fiches: Sequence[Fiche], connues: Rapprochement, *, par: Utilisateur, motif: str
) -> list[tuple[LignePlan, Poids | None]]:
    """La ligne du plan de chaque fiche, et le poids de l'action après coup (None s'il ne change pas)."""
    a_examiner = [fiche for fiche in fiches if not fiche.refusee]
    examens = operations.examiner([fiche.saisie for fiche in a_examiner], par=par, motif=motif)
    par_fiche = {id(fiche): examen for fiche, examen in zip(a_examiner, examens, strict=True)}
    lire_les_bases(f for f in a_examiner if en_conflit(f) and _change(f, par_fiche[id(f)]))
    return [_sort(fiche, par_fiche.get(id(fiche)), connues) for fiche in fiches]


def _sort(fiche, examen: Examen | None, connues):
    cle = fiche.action.pk if fiche.action else None
    if fiche.action:
        _verifier_que_c_est_elle(fiche)
    if examen and examen.refus:
        _dire_le_refus(fiche, examen.refus)
    elif examen:
        _verifier_le_dossier(fiche, examen.action, connues)
        if fiche.a_deposer:
            _verifier_le_depot(fiche, examen.action)
    if fiche.refusee:
        return LignePlan(fiche.numero, Statut.REFUSE, fiche.intitule, cle=cle), None
    if not _change(fiche, examen):
        return LignePlan(fiche.numero, Statut.INCHANGE, fiche.intitule, cle=cle), None
    return _montrer(fiche, examen.action, cle)


def _change(fiche, examen):
    return examen.refus is None and (examen.change or fiche.a_deposer)


def _montrer(fiche, action, cle):
    """La ligne d'une action créée ou modifiée : les seuls champs qui changent, et en cas de conflit ce qui était lu."""
    avant = _actuelle(fiche.action) if fiche.action else {}
    apres, plan = _future(fiche, action)
    statut = Statut.MODIFIE if fiche.action else Statut.CREE
    if en_conflit(fiche):
        dire_le_conflit(fiche, avant, apres)
        statut = Statut.REFUSE
    changes = {libelle for libelle in {**avant, **apres} if avant.get(libelle) != apres.get(libelle)}
    avant, apres, base = ({k: v for k, v in mots.items() if k in changes} for mots in (avant, apres, fiche.base))
    apres |= dict.fromkeys(sorted(changes - set(apres)), "")  # un champ vidé doit se voir
    ligne = LignePlan(fiche.numero, statut, fiche.intitule, avant, apres, cle=cle, base=base)
    return ligne, poids(action, plan) if statut != Statut.REFUSE else None


def _actuelle(action):
    etiquettes = (action.priorites.all(), action.piliers_transversaux.all())
    return en_clair(action, action.lignes, lieux(action.localisations.all()), *etiquettes)


def _future(fiche, action):
    """L'action telle qu'elle serait, en mots, et son plan de financement."""
    saisie, existante = fiche.saisie, fiche.action
    plan = saisie.plan if saisie.plan is not None else (existante.lignes if existante else ())
    quartiers = saisie.localisations
    if quartiers is None:
        quartiers = lieux(existante.localisations.all()) if existante else {}
    etiquettes = [_etiquettes(saisie, existante, nom) for nom in ("priorites", "piliers_transversaux")]
    mots = en_clair(action, plan, quartiers, *etiquettes)
    if fiche.a_deposer:
        mots["Statut"] = StatutAction.DEPOSEE.label
    return mots, plan


def _etiquettes(saisie, existante, nom):
    voulues = getattr(saisie, nom)
    if voulues is not None:
        return voulues
    return getattr(existante, nom).all() if existante else ()


# --- Ce que l'examen ne voit pas, et ce qu'il refuse ---


def _verifier_que_c_est_elle(fiche):
    """Un numéro mal recopié désigne une autre action : ni l'intitulé n'a un mot commun avec le sien, ni le porteur."""
    action, intitule = fiche.action, fiche.valeurs.get("intitule")
    nom = next((nom for nom in ("cle", "dossier") if nom in fiche.valeurs), None)
    if not (nom and intitule and fiche.porteur and action.porteur) or fiche.porteur == action.porteur.courant:
        return
    if not ont_un_mot_commun(intitule, action.intitule):
        repere, a_verifier = DESIGNE_AUJOURD_HUI[nom]
        fiche.avertir(nom, f"{repere} « {action.intitule} » de « {action.porteur.courant} » : vérifier {a_verifier}.")


def _verifier_le_dossier(fiche, action, connues):
    autre = connues.dossier_pris(action)
    if autre:
        fiche.refuser("dossier", f"ce dossier est déjà celui de « {autre.intitule} » dans le même contrat.")
    elif fiche.action is None and fiche.dossier and (jumelle := connues.jumelle_sans_dossier(fiche)):
        fiche.avertir(
            "dossier",
            f"« {jumelle.intitule} » existe sans dossier, avec le même porteur : cette ligne en créera une autre.",
        )


def _verifier_le_depot(fiche, action):
    empechement = regles.empechement_de_deposer(action)
    if empechement:
        fiche.refuser("statut", f"cette action ne peut pas être déposée. {empechement}")


def _dire_le_refus(fiche, refus):
    """Chaque message de la règle, sur la cellule du champ qu'elle met en cause."""
    if not hasattr(refus, "error_dict"):
        fiche.refuser(_champ_principal(fiche), " ".join(refus.messages))
        return
    for nom, messages in refus.message_dict.items():
        nom = CHAMP_EN_CAUSE.get(nom, nom)
        fiche.refuser(nom if nom in fiche.journal.champs else _champ_principal(fiche), " ".join(messages))


def _champ_principal(fiche):
    return next((nom for nom in ("intitule", "dossier", "cle") if nom in fiche.valeurs), "intitule")
