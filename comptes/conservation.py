"""Ce qu'une personne tape n'est pas perdu quand sa session expire : gardé sur le serveur, par personne et par écran.

Un formulaire qui se conserve porte un champ caché signé, qui dit à qui et à quel écran il est. Session vive, sa saisie
se range au fil de la frappe. Session expirée, elle attend dans la session anonyme de ce navigateur, et n'est rattachée
qu'à la personne du champ signé quand c'est elle qui se reconnecte ; à toute autre, elle est jetée.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.http import QueryDict
from django.utils import timezone

from comptes.models import SaisieConservee, Utilisateur

CHAMP = "conservation"
ADRESSE_MAXIMALE = SaisieConservee._meta.get_field("adresse").max_length
SEL = "comptes.conservation"
EN_ATTENTE = "saisies_en_attente"  # la clé de la session anonyme
EN_ATTENTE_AU_PLUS = 3
PAR_PERSONNE = 20
TAILLE_MAXIMALE = 100_000  # caractères, noms des champs compris
DUREE = timedelta(days=30)
# `depassement` : un accord vaut pour le montant lu ce jour-là ; il se redonne en le relisant, jamais d'office.
PAS_DE_LA_SAISIE = {"csrfmiddlewaretoken", CHAMP, "geste", "puis", "depassement"}
NUL = "\x00"  # PostgreSQL ne le range pas
SECRET = re.compile("password|passe|secret|token", re.IGNORECASE)

Contenu = list[list[str]]  # les paires (champ, valeur), dans l'ordre du formulaire


@dataclass(frozen=True)
class Ecran:
    """À qui est un formulaire (identifiant), et son adresse : celle où revenir, avec la sélection qu'elle porte."""

    utilisateur: int
    adresse: str

    @classmethod
    def du_champ(cls, donnees: QueryDict) -> "Ecran | None":
        """Celui que dit le champ signé d'un envoi ; None s'il n'y en a pas, ou s'il est forgé."""
        try:
            return cls(*signing.loads(donnees.get(CHAMP, ""), salt=SEL))
        except signing.BadSignature:
            return None

    @property
    def champ(self) -> str:
        return signing.dumps([self.utilisateur, self.adresse], salt=SEL)

    @property
    def cle(self) -> str:
        """L'adresse ; son chemin et une empreinte quand la sélection de cent actions ne tient pas dans la colonne."""
        if len(self.adresse) <= ADRESSE_MAXIMALE:
            return self.adresse
        return f"{self.adresse.partition('?')[0]}?{hashlib.sha256(self.adresse.encode()).hexdigest()}"

    def est_a(self, utilisateur) -> bool:
        return utilisateur.is_authenticated and utilisateur.pk == self.utilisateur


# --- Garder, retrouver, oublier ---


def contenu(donnees: QueryDict) -> Contenu | None:
    """La saisie, sans jeton, ni geste, ni secret ; None si elle est trop longue pour être gardée."""
    noms = [n for n in donnees if n not in PAS_DE_LA_SAISIE and not SECRET.search(n) and NUL not in n]
    paires = [[nom, valeur.replace(NUL, "")] for nom in noms for valeur in donnees.getlist(nom)]
    return paires if len(json.dumps(paires, ensure_ascii=False)) <= TAILLE_MAXIMALE else None


def conserver(ecran: Ecran, saisie: Contenu | None) -> bool:
    """Range la saisie de cet écran à la place de la précédente ; dit si elle a pu l'être."""
    if saisie is None:
        return False
    valeurs = {"contenu": saisie, "conservee_le": timezone.now()}
    SaisieConservee.objects.update_or_create(utilisateur_id=ecran.utilisateur, adresse=ecran.cle, defaults=valeurs)
    faire_le_menage(ecran.utilisateur)
    return True


def garder_l_envoi(request) -> bool:
    """Range l'envoi d'une personne connectée, pour le lui redonner ; faux s'il n'est pas à elle, ou trop long."""
    ecran = Ecran.du_champ(request.POST)
    return bool(ecran and ecran.est_a(request.user) and conserver(ecran, contenu(request.POST)))


def faire_le_menage(utilisateur: int):
    """Aucune tâche planifiée : chaque écriture efface ce qui est trop vieux, et ce qu'une personne a de trop."""
    SaisieConservee.objects.filter(conservee_le__lt=timezone.now() - DUREE).delete()
    siennes = SaisieConservee.objects.filter(utilisateur=utilisateur).order_by("-conservee_le", "-pk")
    de_trop = list(siennes.values_list("pk", flat=True)[PAR_PERSONNE : 2 * PAR_PERSONNE])
    if de_trop:
        SaisieConservee.objects.filter(pk__in=de_trop).delete()


def retrouver(utilisateur: Utilisateur, adresse: str) -> SaisieConservee | None:
    recentes = SaisieConservee.objects.filter(conservee_le__gte=timezone.now() - DUREE)
    return recentes.filter(utilisateur=utilisateur, adresse=Ecran(utilisateur.pk, adresse).cle).first()


def donnees(saisie: SaisieConservee) -> QueryDict:
    """La saisie telle que le formulaire l'aurait envoyée."""
    envoi = QueryDict(mutable=True)
    for nom, valeur in saisie.contenu:
        envoi.appendlist(nom, valeur)
    return envoi


def oublier(ecran: Ecran):
    SaisieConservee.objects.filter(utilisateur=ecran.utilisateur, adresse=ecran.cle).delete()


# --- Session expirée ---


def mettre_en_attente(session, ecran: Ecran, saisie: Contenu | None):
    """Garde l'envoi d'une session expirée jusqu'à la reconnexion, dans ce navigateur seul.

    Qui ne se reconnecte pas ne laisse rien : les sessions finies, et ce qu'elles gardaient, s'effacent au suivant.
    """
    if not saisie:
        return
    session.clear_expired()
    autres = [gardee for gardee in session.get(EN_ATTENTE, []) if gardee[:2] != [ecran.utilisateur, ecran.adresse]]
    session[EN_ATTENTE] = [*autres, [ecran.utilisateur, ecran.adresse, saisie]][-EN_ATTENTE_AU_PLUS:]


def rattacher(sender, request, user, **kwargs):
    """À la connexion : ce qui attendait va à cette personne si c'est elle qui l'avait tapé ; le reste est jeté."""
    for utilisateur, adresse, saisie in request.session.pop(EN_ATTENTE, []):
        if utilisateur == user.pk:
            conserver(Ecran(utilisateur, adresse), saisie)


user_logged_in.connect(rattacher, dispatch_uid="comptes.conservation.rattacher")
