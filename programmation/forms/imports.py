"""Déposer un fichier, et régler ce que porte chacune de ses colonnes."""

from collections import defaultdict

from django import forms

from politique_ville.outils.formulaires import PhrasesMixin
from politique_ville.outils.tableur.champs import en_texte
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.modeles import ModeleImport, modele, modeles
from politique_ville.outils.tableur.reception import EXTENSIONS
from territoires.models import Departement

from ..imports import lots
from ..imports.champs import LIGNE
from ..models import Exercice, ModeleDeColonnes

NE_PAS_IMPORTER = ("", "Ne pas importer")
EXEMPLES = 3  # valeurs montrées pour reconnaître une colonne
LONGUEUR_D_UN_EXEMPLE = 40


class DepotForm(PhrasesMixin, forms.Form):
    """Un fichier, ce qu'il porte et où l'importer ; il n'est gardé que s'il se lit."""

    quoi = forms.ChoiceField(label="Ce que porte le fichier", widget=forms.RadioSelect)
    exercice = forms.ModelChoiceField(
        Exercice.objects.none(), label="Exercice", empty_label=None, required=False, help_text="Pour des actions."
    )
    departement = forms.ModelChoiceField(
        Departement.objects.none(),
        label="Département",
        empty_label=None,
        required=False,
        help_text="Pour une liste publiée, qui vaut pour plusieurs années.",
    )
    fichier = forms.FileField(
        label="Fichier",
        help_text="Tableur .xlsx, .ods, .xls ou .csv, 10 Mo au plus, sans donnée sur une personne.",
        widget=forms.FileInput(attrs={"accept": ",".join(EXTENSIONS)}),
    )
    modele_de_colonnes = forms.ModelChoiceField(
        ModeleDeColonnes.objects.none(),
        label="Correspondance de colonnes",
        required=False,
        empty_label="Reconnaître les en-têtes",
        help_text="Une correspondance réglée et nommée pour un fichier précédent.",
    )

    def __init__(self, *args, exercices, departements, **kwargs):
        super().__init__(*args, **kwargs)
        self.departements = departements
        possibles = [modele for modele in modeles() if exercices or not modele.demande_un_exercice]
        reglages = ModeleDeColonnes.objects.filter(departement__in=departements.order_by())
        self.fields["quoi"].choices = [(modele.nom, modele.libelle) for modele in possibles]
        self.fields["quoi"].initial = possibles[0].nom
        self.fields["exercice"].queryset = exercices
        self.fields["departement"].queryset = departements
        self.fields["modele_de_colonnes"].queryset = reglages
        if not reglages:
            del self.fields["modele_de_colonnes"]
        if len(departements) == 1:
            del self.fields["departement"]
        if not exercices:
            del self.fields["exercice"]

    def clean_fichier(self):
        depose = self.cleaned_data["fichier"]
        try:
            return lots.recevoir_un_fichier(depose, depose.name)
        except FichierRefuse as refus:
            raise forms.ValidationError(str(refus)) from refus

    def clean(self):
        donnees = super().clean()
        if "quoi" in donnees:
            donnees["ou"] = self._ou_importer(donnees)
        self._verifier_la_correspondance(donnees)
        return donnees

    def _ou_importer(self, donnees):
        """L'exercice ou le département que demande le modèle choisi."""
        nom = "exercice" if modele(donnees["quoi"]).demande_un_exercice else "departement"
        ou = donnees.get(nom) if nom in self.fields else self.departements[0]
        if ou is None and nom not in self.errors:
            self.add_error(nom, f"Choisir {'un exercice' if nom == 'exercice' else 'un département'}.")
        return ou

    def _verifier_la_correspondance(self, donnees):
        reglage, ou = donnees.get("modele_de_colonnes"), donnees.get("ou")
        if not (reglage and ou):
            return
        departement = ou if isinstance(ou, Departement) else ou.departement
        if reglage.departement_id != departement.pk:
            self.add_error("modele_de_colonnes", "Cette correspondance est celle d’un autre département.")
        elif reglage.modele != donnees["quoi"]:
            self.add_error("modele_de_colonnes", "Cette correspondance est celle d’une autre sorte de fichier.")


class LectureForm(PhrasesMixin, forms.Form):
    """Où lire dans le fichier : la feuille, et la ligne de ses titres."""

    feuille = forms.ChoiceField(label="Feuille")
    ligne = forms.IntegerField(label="Ligne des titres", min_value=1, max_value=lots.LIMITES.lignes)

    def __init__(self, *args, feuilles, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["feuille"].choices = [(nom, nom) for nom in feuilles]


class ColonnesForm(PhrasesMixin, forms.Form):
    """Un choix par colonne du fichier, et un nom facultatif pour retrouver ces choix."""

    nom_du_modele = forms.CharField(
        label="Garder cette correspondance sous le nom",
        required=False,
        max_length=ModeleDeColonnes._meta.get_field("nom").max_length,
        help_text="Facultatif : elle sera proposée pour les fichiers suivants du département.",
    )

    def __init__(self, *args, table, champs, colonnes, quoi, **kwargs):
        super().__init__(*args, **kwargs)
        self.table = table
        par_rang = {rang: nom for nom, rang in colonnes.items()}
        choix = _choix_groupes(champs, modele(quoi))
        self.rangs = [rang for rang, entete in enumerate(table.entetes) if entete or self._remplie(rang)]
        for rang in self.rangs:
            self.fields[f"colonne_{rang}"] = forms.ChoiceField(
                label=f"Colonne {self._lettre(rang)}, « {' '.join(table.entetes[rang].split()) or 'sans titre'} »",
                choices=choix,
                required=False,
                initial=par_rang.get(rang, ""),
            )

    def _lettre(self, rang):
        return self.table.adresse("", rang)

    def _remplie(self, rang):
        return any(ligne.valeurs[rang] is not None for ligne in self.table.lignes)

    @property
    def lignes(self):
        """De quoi dessiner le tableau : lettre, titre, exemples, champ de choix."""
        for rang in self.rangs:
            titre = " ".join(self.table.entetes[rang].split())
            yield self._lettre(rang), titre, self._exemples(rang), self[f"colonne_{rang}"]

    def _exemples(self, rang):
        remplies = (ligne.valeurs[rang] for ligne in self.table.lignes)
        valeurs = dict.fromkeys(en_texte(valeur) for valeur in remplies if valeur is not None)
        courtes = [v if len(v) <= LONGUEUR_D_UN_EXEMPLE else f"{v[:LONGUEUR_D_UN_EXEMPLE]}…" for v in valeurs]
        return " · ".join(courtes[:EXEMPLES])

    def clean(self):
        donnees = super().clean()
        choisies = defaultdict(list)
        for rang in self.rangs:
            if nom := donnees.get(f"colonne_{rang}"):
                choisies[nom].append(rang)
        for rangs in choisies.values():
            for rang in rangs[1:]:
                self.add_error(f"colonne_{rang}", f"La colonne {self._lettre(rangs[0])} porte déjà cette donnée.")
        de_ligne = [nom for nom in choisies if nom.startswith(LIGNE)]
        if de_ligne and f"{LIGNE}financeur" not in de_ligne:
            rang = choisies[de_ligne[0]][0]
            self.add_error(f"colonne_{rang}", "Une ligne par financement demande aussi la colonne « Financeur ».")
        self.colonnes = {nom: rangs[0] for nom, rangs in choisies.items()}
        return donnees


def _choix_groupes(champs, modele: ModeleImport):
    """Les champs sous leur groupe, dans l'ordre où le modèle les donne ; sans groupe, à la suite."""
    groupes = {}
    for champ in champs:
        groupes.setdefault(modele.groupe(champ), []).append((champ.nom, champ.libelle))
    seuls = groupes.pop("", [])
    return [NE_PAS_IMPORTER, *groupes.items(), *seuls]
