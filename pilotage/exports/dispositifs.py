"""Les feuilles PRE, Adultes-relais et FONJEP : ce que disent les synthèses de dispositifs, et leurs rapprochements.

Les effectifs d'un PRE y sont masqués comme à l'écran. Le montant publié par l'ANCT a sa colonne, jamais ajouté à nos
calculs. Aucun de ces montants n'est dans l'enveloppe, sauf le P147 des actions de PRE, déjà dans Programmation.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from dispositifs.enums import AxeEffectif
from dispositifs.models import (
    ConventionAdulteRelais,
    PosteAdulteRelais,
    PosteFonjep,
    ProgrammeReussiteEducative,
    ReleveAnct,
    ReleveFonjep,
    TriennaliteFonjep,
)
from dispositifs.synthese import (
    FeuilleDePre,
    LigneDePre,
    ReleveDeLAnnee,
    TotalDesCouts,
    TotauxDesPre,
    couts_des_adultes_relais,
    couts_fonjep,
    feuilles_de_suivi,
    lignes_de_pre,
    releves_par_annee,
    totaux_des_pre,
)
from programmation.models import Action, Exercice
from territoires.models import Quartier

from .demande import Demande
from .feuilles_de_faits import PRE_SANS_FEUILLE
from .formules import Critere, Page, Selection, quotient


@dataclass(frozen=True)
class Postes:
    """Une feuille de postes, le total de la synthèse et ce que l'ANCT a publié."""

    page: Page
    total: TotalDesCouts
    releve: ReleveDeLAnnee | None

    @property
    def publie(self) -> Decimal | None:
        """Celle que l'écran montre : la feuille, elle, additionne ses lignes, et les contrôles comparent les deux."""
        return self.releve and self.releve.montant


@dataclass(frozen=True)
class Dispositifs:
    """Les trois feuilles, et ce que l'écran totalise."""

    pre: Page
    totaux_des_pre: TotauxDesPre
    adultes_relais: Postes
    fonjep: Postes

    @property
    def pages(self) -> tuple[Page, Page, Page]:
        return self.pre, self.adultes_relais.page, self.fonjep.page


def lire_les_dispositifs(demande: Demande, gabarit, actions: Page) -> Dispositifs:
    """`actions` : la feuille Programmation, où les formules lisent le P147 des actions de PRE."""
    exercice = demande.exercice
    lignes = lignes_de_pre(programmes_de(exercice), exercice.annee, demande.actions)
    return Dispositifs(
        pre=page_des_pre(gabarit.PRE, lignes, feuilles_de(lignes, demande.actions), actions),
        totaux_des_pre=totaux_des_pre(lignes),
        adultes_relais=adultes_relais(gabarit.ADULTES_RELAIS, exercice, timezone.localdate(demande.au)),
        fonjep=fonjep(gabarit.FONJEP, exercice),
    )


# --- PRE ---


def programmes_de(exercice: Exercice) -> QuerySet[ProgrammeReussiteEducative]:
    du_departement = ProgrammeReussiteEducative.objects.filter(contrat__departement=exercice.departement_id)
    return du_departement.ouverts_en(exercice.annee).order_by("contrat__intitule", "intitule", "pk")


def feuilles_de(lignes: list[LigneDePre], actions: QuerySet[Action]) -> dict[int, FeuilleDePre]:
    suivis = [ligne.suivi for ligne in lignes if ligne.suivi]
    return {feuille.suivi.pk: feuille for feuille in feuilles_de_suivi(suivis, actions)}


def page_des_pre(modele, lignes, feuilles, actions: Page) -> Page:
    """Une ligne par PRE, puis les actions de PRE sans feuille : ensemble, tout le P147 des PRE de Programmation."""
    rangees = [rangee_de_pre(ligne, feuilles.get(ligne.suivi and ligne.suivi.pk)) for ligne in lignes]
    if PRE_SANS_FEUILLE in actions.valeurs("cle_pre"):
        rangees.append({"programme": "Actions de PRE sans feuille annuelle", "cle": PRE_SANS_FEUILLE})
    page, accordes = Page(modele, rangees), Selection(actions, Critere("pre", "oui"))
    for rang, rangee in enumerate(rangees):
        cle = Critere("cle_pre", rangee["cle"], adresse=page.ici("cle", rang))
        rangee["p147"] = accordes.somme("p147_accorde", cle)
        budget, enfants = page.ici("budget", rang), page.ici("enfants_suivis", rang)
        rangee["par_enfant"] = quotient(
            (budget, rangee.get("budget")), (enfants, rangee.get("enfants_suivis")), decimales=2
        )
    return page


def rangee_de_pre(ligne: LigneDePre, feuille: FeuilleDePre | None) -> dict:
    programme = ligne.programme
    identite = {
        "programme": programme.intitule,
        "contrat_code": programme.contrat.code,
        "contrat": programme.contrat.intitule,
        "communes": " ; ".join(commune.nom for commune in programme.communes.all()),
        "porteur": programme.structure.courant.nom,
        "nature": programme.get_nature_porteur_display(),
        "budget": ligne.budget,
        "cle": f"pre-{programme.pk}",
    }
    return identite | ligne.effectifs | (du_suivi(feuille) if feuille else {})


def du_suivi(feuille: FeuilleDePre) -> dict:
    suivi = feuille.suivi
    ages = [nombre for cases in feuille.ages.lignes for nombre in cases]
    prescripteurs = [modalite.nombre for modalite in feuille.prescripteurs]
    domaines = [modalite.nombre for modalite in feuille.domaines]
    champs = ("duree_moyenne", "reunions", "etp_coordonnateur", "etp_referents", "convention_recue_le", "bilan_recu_le")
    return {
        **{champ: getattr(suivi, champ) for champ in champs},
        **dict(zip(noms_des_cases(AxeEffectif.AGE_ET_SEXE), ages, strict=True)),
        **dict(zip(noms_des_cases(AxeEffectif.PRESCRIPTEUR), prescripteurs, strict=True)),
        **dict(zip(noms_des_cases(AxeEffectif.DOMAINE), domaines, strict=True)),
        "budget_p147": feuille.budget_p147,
    }


def noms_des_cases(axe: AxeEffectif) -> list[str]:
    return [f"{axe}-{modalite}" for modalite in axe.modalites]


# --- Adultes-relais ---


def adultes_relais(modele, exercice: Exercice, au: date) -> Postes:
    """Les postes conventionnés dans l'année, ou publiés par l'ANCT ; l'occupation est lue jusqu'au jour dit."""
    debut, fin = bornes(exercice)
    tous = PosteAdulteRelais.objects.filter(departement=exercice.departement_id)
    couts = couts_des_adultes_relais(tous, debut, fin, au=au)
    conventions = derniere_par_poste(
        ConventionAdulteRelais.objects.filter(poste__in=tous.order_by(), debut__lte=fin, fin__gte=debut)
    )
    publies = publies_par_poste(ReleveAnct, tous, exercice.annee)
    postes = lus(tous, conventions.keys() | publies.keys(), "employeur")
    lignes = [
        commun(poste, poste.employeur, publies)
        | {"categorie": poste.get_categorie_employeur_display()}
        | de_la_convention(conventions.get(poste.pk))
        | (du_cout(couts.par_poste[poste.pk]) if poste.pk in conventions else {"raison": SANS_CONVENTION})
        for poste in postes
    ]
    return feuille_de_postes(modele, lignes, couts.total, releve_de_l_annee(ReleveAnct, tous, exercice.annee))


SANS_CONVENTION = "Aucune convention enregistrée dans l’année."


def de_la_convention(convention) -> dict:
    """Celle qui finit le plus tard parmi celles de l'année."""
    if convention is None:
        return {}
    champs = {"convention": convention.numero, "debut": convention.debut, "fin": convention.fin}
    return champs | {"quotite": convention.quotite / 100}


def du_cout(cout) -> dict:
    montants = ("conventionne", "occupe", "vacant", "non_renseigne")
    jours = ("jours_conventionnes", "jours_occupes", "jours_vacants", "jours_non_renseignes")
    return {nom: getattr(cout, nom) for nom in (*montants, *jours, "raison")}


# --- FONJEP ---


def fonjep(modele, exercice: Exercice) -> Postes:
    debut, fin = bornes(exercice)
    tous = PosteFonjep.objects.filter(departement=exercice.departement_id)
    couts = couts_fonjep(tous, debut, fin)
    periodes = derniere_par_poste(
        TriennaliteFonjep.objects.filter(poste__in=tous.order_by(), debut__lte=fin, fin__gte=debut)
    )
    publies = publies_par_poste(ReleveFonjep, tous, exercice.annee)
    lignes = [
        commun(poste, poste.association, publies) | de_la_periode(periodes.get(poste.pk), couts.par_poste[poste.pk])
        for poste in lus(tous, periodes.keys() | publies.keys(), "association")
    ]
    return feuille_de_postes(modele, lignes, couts.total, releve_de_l_annee(ReleveFonjep, tous, exercice.annee))


def de_la_periode(periode, cout) -> dict:
    if periode is None:
        return {"raison": "Aucune période enregistrée dans l’année."}
    return {
        "debut": periode.debut,
        "fin": periode.fin,
        "rang": periode.rang,
        "evaluation_attendue_le": periode.evaluation_attendue_le,
        "evaluation_recue_le": periode.evaluation_recue_le,
        "jours_conventionnes": cout.jours_conventionnes,
        "conventionne": cout.conventionne,
        "raison": cout.raison,
    }


# --- Ce que partagent les postes ---


def bornes(exercice):
    return date(exercice.annee, 1, 1), date(exercice.annee, 12, 31)


def lus(postes, retenus, employeur):
    siens = postes.filter(pk__in=retenus).select_related("contrat", f"{employeur}__fusionne_dans")
    return siens.prefetch_related(Prefetch("quartiers", Quartier.objects.defer("contour")))


def commun(poste, organisme, publies) -> dict:
    montants = publies.get(poste.pk, [])
    return {
        "numero": str(poste),
        "employeur": organisme.courant.nom,
        "contrat_code": poste.contrat and poste.contrat.code,
        "contrat": poste.contrat and poste.contrat.intitule,
        "quartiers": " ; ".join(quartier.code or str(quartier) for quartier in poste.quartiers.all()),
        "publie": sum(montants) if montants else None,
        "publications": len(montants),
        "cle": f"poste-{poste.pk}",
    }


def derniere_par_poste(periodes):
    return {periode.poste_id: periode for periode in periodes.order_by("debut")}


def publies_par_poste(modele, postes, annee) -> dict[int, list[Decimal]]:
    publies = {}
    siens = modele.objects.filter(poste__in=postes.order_by(), annee=annee).order_by("poste", "rang")
    for poste, montant in siens.values_list("poste", "montant"):
        publies.setdefault(poste, []).append(montant)
    return publies


def releve_de_l_annee(modele, postes, annee) -> ReleveDeLAnnee | None:
    """Ce que l'ANCT a publié de ces postes cette année-là, ou None."""
    return next(iter(releves_par_annee(modele.objects.filter(poste__in=postes.order_by(), annee=annee))), None)


def feuille_de_postes(modele, lignes, total, releve) -> Postes:
    """La feuille, avec sous son titre la réserve que l'écran fait sur les montants publiés, s'il y en a une."""
    reserve = releve.reserve if releve else ""
    notes = [f"Publié par l’ANCT en {releve.annee}, à vérifier : {reserve}."] if reserve else []
    return Postes(Page(replace(modele, notes=(*modele.notes, *notes)), lignes), total, releve)
