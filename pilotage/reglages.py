"""Ce qu'il reste à régler dans un exercice que l'on prépare : chaque ligne dit quoi, pourquoi, et où le faire."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.urls import reverse

from dispositifs.models import BaremeAdulteRelais, BaremeFonjep, ProgrammeReussiteEducative, QuotaAdulteRelais, SuiviPre
from politique_ville.outils.francais import pluriel
from programmation.enums import CodeParametre, Duree, StatutAction, StatutExercice
from programmation.models import Action, Exercice, Parametre, Repere


@dataclass(frozen=True)
class Reglage:
    """Une ligne de la liste. `lien` : où le régler ("" : par l'administrateur technique, dans les référentiels)."""

    quoi: str
    etat: str
    est_fait: bool
    lien: str = ""


def reglages(suivant: Exercice, precedent: Exercice) -> list[Reglage]:
    """Ce qui est à régler d'abord, puis ce qui l'est déjà ; une vingtaine de requêtes, sans rien écrire."""
    lignes = [
        l_ouverture(suivant),
        *les_campagnes(suivant),
        les_enveloppes(suivant),
        la_notification(suivant),
        le_quota(suivant),
        le_bareme("adulte-relais", BaremeAdulteRelais, suivant.annee),
        le_bareme("FONJEP", BaremeFonjep, suivant.annee),
        les_reperes(suivant),
        *les_parametres(suivant),
        *les_pre(suivant),
        les_cpo(suivant, precedent),
    ]
    return sorted(lignes, key=lambda ligne: ligne.est_fait)


def l_ouverture(suivant):
    fait = suivant.statut != StatutExercice.PREPARATION
    etat = suivant.get_statut_display() if fait else "En préparation : aucune décision ne s’y enregistre encore."
    return Reglage("Exercice", etat, fait, suivant.get_absolute_url())


def les_campagnes(suivant) -> Iterator[Reglage]:
    for campagne in suivant.campagnes.order_by("vague", "pk"):
        dates = campagne.ouverture and campagne.cloture
        etat = f"du {campagne.ouverture:%d/%m/%Y} au {campagne.cloture:%d/%m/%Y}" if dates else "Dates à fixer."
        lien = reverse("programmation:campagne_update", args=[campagne.pk])
        yield Reglage(f"Campagne « {campagne} »", etat, bool(dates), lien)


def les_enveloppes(suivant):
    """Une enveloppe sans mouvement n'a pas de plafond : rien ne s'y décide."""
    vides = suivant.enveloppes.filter(mouvements=None).count()
    lien = f"{reverse('programmation:enveloppe_list')}?exercice={suivant.pk}"
    if not suivant.enveloppes.exists():
        return Reglage("Enveloppes", "Aucune : rien ne borne les décisions.", False, lien)
    etat = f"{pluriel(vides, 'enveloppe', 'enveloppes')} sans montant prévu ni notifié." if vides else "Dotées."
    return Reglage("Enveloppes", etat, not vides, lien)


def la_notification(suivant):
    meres = suivant.enveloppes.filter(parent=None)
    attendues = meres.filter(notification_complete_le=None).count()
    fait = meres.exists() and not attendues
    etat = "Déclarée complète." if fait else "Enveloppe pas encore notifiée en entier."
    return Reglage("Notification", etat, fait, f"{reverse('programmation:enveloppe_list')}?exercice={suivant.pk}")


def le_quota(suivant):
    quota = QuotaAdulteRelais.objects.filter(exercice=suivant).first()
    etat = pluriel(quota.postes_notifies, "poste notifié", "postes notifiés") if quota else "Non notifié."
    lien = reverse("dispositifs:quota_update", args=[suivant.pk])
    return Reglage("Quota d’adultes-relais", etat, quota is not None, lien)


def le_bareme(nom, modele, annee):
    """Un barème se revalorise : celui de l'an passé ne dit pas celui de l'année."""
    dernier = modele.objects.filter(date_effet__year__lte=annee, montant__isnull=False).order_by("-date_effet").first()
    fait = dernier is not None and dernier.date_effet.year == annee
    connu = f"le dernier connu est du {dernier.date_effet:%d/%m/%Y}." if dernier else "aucun n’est connu."
    etat = f"Daté du {dernier.date_effet:%d/%m/%Y}." if fait else f"Inconnu pour {annee} : {connu}"
    return Reglage(f"Barème {nom}", etat, fait, "")


def les_reperes(suivant):
    repere = Repere.objects.filter(departement=suivant.departement_id).order_by("-pk").first()
    etat = f"Constat « {repere.periode} »." if repere else "Aucun constat propre au département."
    return Reglage("Constats de la part des piliers", etat, repere is not None)


def les_parametres(suivant) -> Iterator[Reglage]:
    """Les règles chiffrées sans valeur au premier jour de l'année."""
    premier = date(suivant.annee, 1, 1)
    for code in CodeParametre:
        valeur = Parametre.objects.en_vigueur(code, premier, suivant.departement)
        etat = f"En vigueur : {valeur:f}".replace(".", ",") if valeur is not None else "Aucune valeur connue."
        yield Reglage(code.label, etat, valeur is not None)


def les_pre(suivant) -> Iterator[Reglage]:
    """Un PRE encore ouvert a un suivi chaque année."""
    programmes = ProgrammeReussiteEducative.objects.filter(contrat__departement=suivant.departement_id)
    suivis = set(SuiviPre.objects.filter(exercice=suivant).values_list("programme", flat=True))
    for programme in programmes.ouverts_en(suivant.annee).select_related("contrat"):
        fait = programme.pk in suivis
        etat = f"Suivi {suivant.annee} ouvert." if fait else f"À renouveler : pas de suivi {suivant.annee}."
        lien = reverse("dispositifs:pre_detail", args=[programme.pk])
        yield Reglage(f"PRE « {programme} »", etat, fait, lien)


def les_cpo(suivant, precedent):
    """Les conventions pluriannuelles qui continuent, et que personne n'a encore reconduites."""
    en_cours = Action.objects.filter(exercice=precedent, duree=Duree.CPO, statut=StatutAction.PROGRAMMEE)
    continuent = [a.pk for a in en_cours.order_by("pk") if a.cpo_rang < a.cpo_nombre]
    reconduites = set(
        Action.objects.filter(exercice=suivant, action_precedente__in=continuent)
        .order_by()
        .values_list("action_precedente", flat=True)
    )
    restent = len(continuent) - len(reconduites)
    etat = f"{pluriel(restent, 'convention', 'conventions')} à reconduire." if restent else "Aucune à reconduire."
    lien = f"{reverse('programmation:action_list')}?exercice={precedent.pk}"
    return Reglage("Conventions pluriannuelles (CPO)", etat, not restent, lien)
