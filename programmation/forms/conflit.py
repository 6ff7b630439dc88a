"""Deux personnes ont modifié la même action : montrer champ par champ, laisser choisir, ne rien écraser en silence.

Tout se compare en texte lisible, sur trois états de même forme : ce que l'agent avait lu (signé dans son formulaire),
ce qui est en base, ce qu'il a saisi.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from django.core import signing
from django.db.models import Model
from django.utils.formats import date_format

from politique_ville.outils.francais import INCONNU, euros
from politique_ville.outils.typographie import insecables

from ..enums import EtatFinancement, FamilleFinanceur, NatureFinancement
from ..models import Action
from ..operations import LigneDePlan, SaisieAction

# Ce qui se choisit ensemble : l'un sans l'autre n'aurait pas de sens.
GROUPES = {
    "contrat": ["echelle", "contrat", "campagne"],
    "dossier": ["dossier", "tranche"],
    "porteur": ["porteur", "etablissement"],
    "duree": ["duree", "cpo_rang", "cpo_nombre"],
    "date_debut": ["date_debut", "date_fin"],
}
LIBELLES = {
    "contrat": "Échelle, contrat, campagne",
    "duree": "Durée",
    "date_debut": "Dates",
    "localisations": "Quartiers et clés",
    "piliers_transversaux": "Piliers transversaux",
    "priorites": "Priorités transversales",
}
ETIQUETTES = ["piliers_transversaux", "priorites"]
MIEN, EN_BASE = "mien", "base"


@dataclass(frozen=True)
class Ecart:
    """Ce qu'un champ vaut dans les trois états, en mots ; `lu` est None s'il n'est pas connu."""

    cle: str
    libelle: str
    lu: str | None
    base: str
    mien: str
    choisi: str = ""

    @property
    def retenu(self):
        """Ce que l'agent a choisi ; sinon, qui a changé le champ seul l'emporte ; si les deux, rien d'avance."""
        if self.choisi or self.lu is None:
            return self.choisi
        if self.lu == self.base:
            return MIEN
        return EN_BASE if self.lu == self.mien else ""


def saisie_de(action: Action, champs: Mapping) -> SaisieAction:
    """Ce qui est en base, sous la forme d'une saisie des mêmes champs."""
    lignes = action.financements.select_related("financeur").order_by("pk")
    lieux = action.localisations.select_related("quartier").order_by("quartier_id")
    colonnes = ["financeur", "nature", "demande", "propose", "accorde", "verse", "etat", "date_etat"]
    return SaisieAction(
        champs={champ: getattr(action, champ) for champ in champs},
        action=action,
        version=action.version,
        plan=[LigneDePlan(**{colonne: getattr(ligne, colonne) for colonne in colonnes}) for ligne in lignes],
        localisations={lieu.quartier: lieu.cle for lieu in lieux},
        **{etiquette: list(getattr(action, etiquette).all()) for etiquette in ETIQUETTES},
    )


@dataclass(frozen=True)
class Lu:
    """Une version de l'action telle que l'agent l'a eue sous les yeux ; son formulaire la rapporte, signée."""

    version: int = 0
    textes: Mapping[str, str] | None = None

    @classmethod
    def de(cls, saisie: SaisieAction) -> "Lu":
        return cls(saisie.version, en_mots(saisie))

    @classmethod
    def du_jeton(cls, jeton: str) -> "Lu":
        """Rien n'est su si le jeton s'est abîmé en route."""
        try:
            return cls(*signing.loads(jeton))
        except signing.BadSignature:
            return cls()

    @property
    def jeton(self) -> str:
        return signing.dumps([self.version, self.textes], compress=True)


def comparer(
    lus: Mapping[str, str] | None,
    base: SaisieAction,
    mienne: SaisieAction,
    choisis: Mapping[str, str] | None = None,
) -> list[Ecart]:
    """Les champs où la saisie et la base diffèrent ; `choisis` : ce que l'agent a déjà choisi."""
    choisis = choisis or {}
    en_base, miens = en_mots(base), en_mots(mienne)
    libelles = libelles_de(base) | libelles_de(mienne)
    ecarts = []
    for cle, libelle in libelles.items():
        lu = None if lus is None else lus.get(cle, INCONNU)
        textes = en_base.get(cle, INCONNU), miens.get(cle, INCONNU)
        ecart = Ecart(cle, libelle, lu, *textes, choisis.get(cle, ""))
        if ecart.base != ecart.mien:
            ecarts.append(ecart)
    return ecarts


def reunir(base: SaisieAction, mienne: SaisieAction, choix: Mapping[str, str]) -> SaisieAction:
    """La saisie, où chaque champ que l'agent laisse à la base (`choix`) en reprend la valeur."""

    def prendre(cle, de_la_base, de_la_saisie):
        return de_la_base if choix.get(cle) == EN_BASE else de_la_saisie

    champs = {}
    for cle, noms in groupes(mienne.champs).items():
        champs |= prendre(cle, valeurs(base, noms), valeurs(mienne, noms))
    autres = {nom: prendre(nom, getattr(base, nom), getattr(mienne, nom)) for nom in ["localisations", *ETIQUETTES]}
    lignes_en_base, miennes = lignes(base), lignes(mienne)
    plan = [prendre(cle, lignes_en_base.get(cle), miennes.get(cle)) for cle in lignes_en_base | miennes]
    return replace(mienne, champs=champs, plan=[ligne for ligne in plan if ligne], **autres)


def groupes(champs):
    """Les champs par groupe qui se choisit d'un bloc ; un champ seul est son propre groupe."""
    reunis = {nom for noms in GROUPES.values() for nom in noms}
    seuls = {nom: [nom] for nom in champs if nom not in reunis}
    return GROUPES | seuls


def valeurs(saisie, noms):
    return {nom: saisie.champs[nom] for nom in noms}


def lignes(saisie):
    return {cle_de_la_ligne(ligne): ligne for ligne in saisie.plan}


def cle_de_la_ligne(ligne):
    famille, nature = ligne.financeur.famille, ligne.nature_retenue
    return "plan-p147" if famille == FamilleFinanceur.ANCT_P147 else f"plan-{ligne.financeur.pk}-{nature}"


def libelles_de(saisie):
    """Le nom de chaque élément comparable, dans l'ordre de la page."""
    champs = {cle: LIBELLES.get(cle) or nom_du_champ(cle) for cle in groupes(saisie.champs)}
    autres = {cle: LIBELLES[cle] for cle in ["localisations", *ETIQUETTES]}
    plan = {
        cle: f"Financement {ligne.financeur}, {NatureFinancement(ligne.nature_retenue).label.lower()}"
        for cle, ligne in lignes(saisie).items()
    }
    return champs | autres | plan


def nom_du_champ(nom):
    libelle = Action._meta.get_field(nom).verbose_name
    return libelle[0].upper() + libelle[1:]


def en_mots(saisie: SaisieAction) -> dict[str, str]:
    """Chaque élément de la saisie, en français."""
    textes = {
        cle: " · ".join(mots(nom, saisie.champs[nom]) for nom in noms if nom in saisie.champs)
        for cle, noms in groupes(saisie.champs).items()
    }
    lieux = sorted(saisie.localisations.items(), key=lambda paire: paire[0].pk)
    textes["localisations"] = ", ".join(f"{quartier} (clé {cle})" for quartier, cle in lieux) or "Aucun quartier"
    for nom in ETIQUETTES:
        textes[nom] = ", ".join(sorted(map(str, getattr(saisie, nom)))) or INCONNU
    return textes | {cle: mots_de_la_ligne(ligne) for cle, ligne in lignes(saisie).items()}


def mots(nom, valeur):
    if valeur is None or valeur == "":
        return INCONNU
    if isinstance(valeur, Decimal):
        return euros(valeur)
    if hasattr(valeur, "strftime"):
        return date_format(valeur, "d/m/Y")
    if isinstance(valeur, Model):
        return str(valeur)
    return str(dict(Action._meta.get_field(nom).flatchoices).get(valeur, valeur))


def mots_de_la_ligne(ligne):
    """Sur la ligne P147, seuls demandé et proposé se saisissent : le reste vient des décisions."""
    textes = [f"demandé {euros(ligne.demande)}", f"proposé {euros(ligne.propose)}"]
    if ligne.financeur.famille != FamilleFinanceur.ANCT_P147:
        date = f" le {date_format(ligne.date_etat, 'd/m/Y')}" if ligne.date_etat else ""
        textes += [f"accordé {euros(ligne.accorde)}", f"versé {euros(ligne.verse)}"]
        textes.append(f"{EtatFinancement(ligne.etat).label.lower()}{date}")
    return insecables(" · ".join(textes))
