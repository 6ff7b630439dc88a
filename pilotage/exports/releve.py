"""Le relevé de décisions d'un comité, en PDF et en classeur : les mêmes lignes et les mêmes totaux qu'à l'écran."""

from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.text import slugify

from politique_ville.outils.classeur import Colonne, Feuille, enregistrer
from politique_ville.outils.pdf import en_pdf
from politique_ville.outils.typographie import insecables
from programmation.models import Comite
from programmation.synthese.releve import Releve

STYLES = ["css/releve.css"]


def nom_du_releve(comite: Comite) -> str:
    """« releve-comite-de-pilotage-2026-03-12-14 », sans extension."""
    departement = comite.campagne.exercice.departement.code
    return f"releve-{slugify(comite.get_nature_display())}-{comite.date:%Y-%m-%d}-{departement}"


def releve_en_pdf(releve: Releve, *, avertissement: str = "") -> bytes:
    """Lève PdfIndisponible si le serveur ne sait pas écrire de PDF."""
    return en_pdf(releve_en_html(releve, avertissement=avertissement), feuilles=STYLES)


def releve_en_html(releve: Releve, *, avertissement: str = "") -> str:
    """La page que le PDF met en forme."""
    contexte = {"comite": releve.comite, "releve": releve, "avertissement": avertissement, "le": timezone.now()}
    return render_to_string("pilotage/comite_releve_pdf.html", contexte)


@dataclass(frozen=True)
class ReleveEnClasseur:
    """Les feuilles du relevé ; `avertissement` : celui des données fictives, ou vide."""

    releve: Releve
    avertissement: str = ""

    def ecrire(self, vers: Any, format: str = "xlsx") -> None:
        enregistrer(format, *self.feuilles, vers=vers, titre=self.titre)

    @property
    def titre(self) -> str:
        return insecables(f"Relevé de décisions : {self.releve.comite}, {self.releve.comite.campagne}")

    @property
    def feuilles(self) -> list[Feuille]:
        return [self.feuille_des_decisions, self.feuille_des_totaux, self.feuille_de_la_situation]

    @property
    def feuille_des_decisions(self) -> Feuille:
        montant = "Décidé P147" if self.releve.comite.decide else "Proposé par le comité"
        colonnes = (
            Colonne("N°", lambda paire: paire[0], "entier", 6),
            Colonne("Action", lambda paire: paire[1].intitule, largeur=45),
            Colonne("Porteur", lambda paire: paire[1].porteur, largeur=32),
            Colonne("Contrat", lambda paire: paire[1].contrat),
            Colonne("Pilier", lambda paire: str(paire[1].pilier or ""), largeur=32),
            Colonne("Demandé P147", lambda paire: paire[1].demande, "euros", 16, total=True),
            Colonne("Proposé P147", lambda paire: paire[1].propose, "euros", 16, total=True),
            Colonne("Issue", lambda paire: paire[1].libelle),
            Colonne(montant, lambda paire: paire[1].montant, "euros", 18, total=True),
            Colonne("Motif ou observation", lambda paire: paire[1].motif, largeur=50),
            Colonne("Enveloppe", lambda paire: ", ".join(paire[1].enveloppes), largeur=28),
        )
        lignes = list(enumerate(self.releve.lignes, 1))
        notes = [self.avertissement] if self.avertissement else []
        notes += [self.phrase_de_l_etat, *self.phrase_des_cachees]
        return Feuille("Décisions", colonnes, lignes, intitule=self.titre, notes=tuple(notes), colonnes_figees=2)

    @property
    def phrase_de_l_etat(self):
        comite = self.releve.comite
        if comite.est_termine:
            return insecables(f"Comité terminé le {timezone.localtime(comite.termine_le):%d/%m/%Y à %H:%M}.")
        return insecables(
            f"Provisoire : comité {comite.get_etat_display().lower()}, au {timezone.localtime():%d/%m/%Y %H:%M}."
        )

    @property
    def phrase_des_cachees(self):
        cachees = self.releve.cachees
        return [insecables(f"Actions hors de votre périmètre, non comptées ici : {cachees}.")] if cachees else []

    @property
    def feuille_des_totaux(self) -> Feuille:
        groupes = {
            "Issue": self.releve.par_issue,
            "Pilier": self.releve.par_pilier,
            "Enveloppe": self.releve.par_enveloppe,
        }
        colonnes = (
            Colonne("Par", lambda t: t[0], largeur=14),
            Colonne("Libellé", lambda t: t[1], largeur=45),
            Colonne("Actions", lambda t: t[2], "entier", 10),
            Colonne("Montant", lambda t: t[3], "euros", 18),
        )
        lignes = [(nom, t.libelle, t.nombre, t.montant) for nom, totaux in groupes.items() for t in totaux]
        return Feuille(
            "Totaux", colonnes, lignes, notes=(insecables("Chaque groupe a le même total : ne pas les additionner."),)
        )

    @property
    def feuille_de_la_situation(self) -> Feuille:
        situation = self.releve.situation
        colonnes = (
            Colonne("Quoi", lambda ligne: ligne[0], largeur=45),
            Colonne("Plafond", lambda ligne: ligne[1], "euros", 18),
            Colonne("Accordé", lambda ligne: ligne[2], "euros", 18),
            Colonne("Reste à décider", lambda ligne: ligne[3], "euros", 18),
            Colonne("Part", lambda ligne: ligne[4], "pourcent", 10),
        )
        lignes = [(f"Pilier : {li.pilier}", None, li.montant, None, en_fraction(li.part)) for li in situation.piliers]
        lignes += [
            (f"Enveloppe : {'– ' * c.rang}{c.enveloppe}", c.plafond, c.accorde, c.reste_a_decider, None)
            for c in situation.enveloppes
        ]
        note = f"Crédits P147 accordés, PRE compris, au {timezone.localtime(situation.au):%d/%m/%Y %H:%M}."
        return Feuille("Situation", colonnes, lignes, notes=(insecables(note),))


def en_fraction(part):
    return None if part is None else part / 100
