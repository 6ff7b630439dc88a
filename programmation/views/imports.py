"""Les imports : déposer un fichier, régler ses colonnes, lire le plan, confirmer."""

from collections import defaultdict
from io import BytesIO

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import FileResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from politique_ville.outils.classeur import classeur
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.lecture import feuilles
from politique_ville.outils.tableur.modeles import modele, modeles
from politique_ville.outils.tableur.plan import Statut
from politique_ville.outils.typographie import insecables

from .. import regles
from ..enums import EtatLot
from ..forms.imports import ColonnesForm, DepotForm, LectureForm
from ..imports import lots
from ..imports.apercu import AVERTIES, SORTS, Apercu
from ..imports.colonnes import proposer
from ..imports.modele_vide import modele_vide
from ..models import Lot
from ..operations import OperationRefusee
from .mixins import PerimetreMixin, exiger

PAR_PAGE = 50
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COULEURS = {EtatLot.PREPARE: "info", EtatLot.REFUSE: "error", EtatLot.APPLIQUE: "success"}


class ImportListView(PerimetreMixin, ListView):
    """Les lots du département ; 403 pour qui n'écrit nulle part."""

    queryset = (
        Lot.objects.select_related("exercice__departement", "departement", "auteur")
        .annotate(compteurs=F("plan__compteurs"))
        .defer("plan", "correspondance")
    )
    paginate_by = PAR_PAGE
    template_name = "programmation/import_list.html"

    def get_queryset(self):
        exiger_d_ecrire(self.request)
        return super().get_queryset()

    def get_context_data(self, **contexte):
        contexte = super().get_context_data(**contexte)
        contexte["peut_importer"] = lots.departements_ou_importer(self.request.user).exists()
        for lot in contexte["object_list"]:
            lot.quoi = modele(lot.modele).libelle
            compteurs = lot.compteurs or {}  # sans plan, les colonnes restent à régler
            lot.creees, lot.modifiees = compteurs.get(Statut.CREE), compteurs.get(Statut.MODIFIE)
            lot.couleur = COULEURS[lot.etat] if compteurs else ""
            lot.libelle = lot.get_etat_display() if compteurs else "Colonnes à régler"
        return contexte


def import_create(request):
    exiger_d_ecrire(request)
    departements, exercices = (
        lots.departements_ou_importer(request.user),
        lots.exercices_ou_importer(request.user),
    )
    formulaire = DepotForm(request.POST or None, request.FILES or None, exercices=exercices, departements=departements)
    if request.method == "POST" and formulaire.is_valid():
        lot = _deposer(request, formulaire)
        if lot:
            return redirect("programmation:import_colonnes", lot.pk)
    contexte = {
        "formulaire": formulaire,
        "exercices": exercices,
        "departements": departements,
        "explications": _explications(),
        "limites": lots.limites_des_imports(request.user),
    }
    return render(request, "programmation/import_create.html", contexte)


def _explications():
    """Ce que fera chaque import, en phrases ; ceux qui font de même sont dits ensemble."""
    libelles = defaultdict(list)
    for sorte in modeles():
        libelles[tuple(map(insecables, sorte.explications))].append(insecables(sorte.libelle))
    return [(siens, phrases) for phrases, siens in libelles.items()]


def _deposer(request, formulaire):
    donnees = formulaire.cleaned_data
    options = {"quoi": donnees["quoi"], "modele_de_colonnes": donnees.get("modele_de_colonnes")}
    try:
        return lots.deposer(donnees["fichier"], donnees["ou"], par=request.user, **options)
    except FichierRefuse as refus:
        formulaire.add_error("fichier", str(refus))
    except OperationRefusee as refus:
        formulaire.add_error(None, refus.messages)
    return None


def import_colonnes(request, pk):
    """La correspondance ; la feuille et la ligne des titres se changent par l'adresse, sans rien écrire."""
    lot = _lot(request, pk)
    if lot.etat == EtatLot.APPLIQUE:
        return redirect("programmation:import_detail", lot.pk)
    try:
        fichier, lecture = lots.rouvrir_le_fichier(lot), lots.contexte_du_lot(lot, request.user)
        noms = feuilles(fichier)
    except (FichierRefuse, OperationRefusee) as refus:
        return _illisible(request, lot, refus)
    ou_lire = LectureForm(_ou_lire(request, lot), feuilles=noms)
    formulaire, erreur = None, ""
    try:
        if ou_lire.is_valid():
            table = lots.lire_la_table(fichier, lecture, quoi=lot.modele, **ou_lire.cleaned_data)
            formulaire = _formulaire_des_colonnes(request, lot, table, lecture)
            if request.method == "POST" and formulaire.is_valid():
                return _planifier(request, lot, table, formulaire)
    except (FichierRefuse, OperationRefusee) as refus:
        erreur = _phrase(refus)
    contexte = {"lot": lot, "ou_lire": ou_lire, "formulaire": formulaire, "erreur": erreur}
    return render(request, "programmation/import_colonnes.html", contexte)


def _ou_lire(request, lot):
    donnees = request.POST if request.method == "POST" else request.GET
    return {nom: donnees.get(nom) or lot.correspondance[nom] for nom in ("feuille", "ligne")}


def _formulaire_des_colonnes(request, lot, table, lecture):
    reglee = lot.correspondance
    meme_lecture = (reglee["feuille"], reglee["ligne"]) == (table.feuille, table.ligne_des_entetes)
    colonnes = reglee["colonnes"] if meme_lecture else proposer(table, lecture.champs)
    options = {"champs": lecture.champs, "colonnes": colonnes, "quoi": lot.modele}
    return ColonnesForm(request.POST or None, table=table, **options)


def _planifier(request, lot, table, formulaire):
    lots.planifier(lot, par=request.user, reglee=lots.correspondance(table, formulaire.colonnes))
    nom = formulaire.cleaned_data["nom_du_modele"]
    if nom:
        lots.nommer_les_colonnes(lot, table, formulaire.colonnes, nom, par=request.user)
        messages.success(request, insecables(f"La correspondance « {nom} » est gardée."))
    return redirect("programmation:import_detail", lot.pk)


def import_detail(request, pk):
    lot = _lot(request, pk)
    if not lot.plan:
        return redirect("programmation:import_colonnes", lot.pk)
    apercu = Apercu.du_lot(lot)
    statut = request.GET.get("statut", apercu.filtre_par_defaut)
    lignes = apercu.lignes_au_statut(statut)
    contexte = {
        "lot": lot,
        "couleur": COULEURS[lot.etat],
        "apercu": apercu,
        "est_applique": lot.etat == EtatLot.APPLIQUE,
        "statut": statut if statut in (*SORTS, AVERTIES) else "",
        "page": Paginator(lignes, PAR_PAGE).get_page(request.GET.get("page")),
        "quoi": modele(lot.modele).libelle,
        "suite": modele(lot.modele).suite(lot.ou),
    }
    return render(request, "programmation/import_detail.html", contexte)


@require_POST
def import_confirmer(request, pk):
    lot = _lot(request, pk)
    try:
        lots.confirmer(lot, par=request.user, deposer_les_completes="deposer" in request.POST)
        messages.success(request, insecables(f"« {lot} » est importé."))
    except lots.DejaApplique as refus:
        messages.info(request, _phrase(refus))
    except lots.PlanPerime as perime:
        messages.warning(request, "Rien n’est écrit : la base a changé depuis cet aperçu. Relire le nouveau plan.")
        for difference in perime.messages:
            messages.warning(request, insecables(difference))
    except (OperationRefusee, FichierRefuse) as refus:
        messages.error(request, _phrase(refus))
    return redirect("programmation:import_detail", lot.pk)


def import_annote(request, pk):
    """Une copie du fichier, réécrite par nos soins : le fichier déposé n'est jamais servi tel quel."""
    lot = _lot(request, pk)
    try:
        octets = lots.annoter_le_fichier(lot)
    except FichierRefuse as refus:
        messages.error(request, _phrase(refus))
        return redirect("programmation:import_detail", lot.pk)
    return _telecharger(BytesIO(octets), f"{slugify(lot.nom_du_fichier.rpartition('.')[0]) or 'import'}-annote.xlsx")


def import_modele(request, exercice):
    """Le fichier à remplir pour un exercice, avec ses listes de choix."""
    exercice = get_object_or_404(lots.exercices_ou_importer(request.user), pk=exercice)
    lecture = lots.contexte(exercice, request.user, "")
    fichier = BytesIO()
    classeur(*modele_vide(lecture.references, lecture.champs), vers=fichier, titre=f"Actions {exercice}")
    return _telecharger(fichier, f"actions-a-importer-{exercice.departement.code}-{exercice.annee}.xlsx")


def exiger_d_ecrire(request):
    exiger(regles.peut_saisir_quelque_part(request.user), "Votre rôle ne permet pas d’importer.")


def _lot(request, pk):
    return get_object_or_404(
        Lot.objects.visibles_par(request.user).select_related(
            "departement", "exercice__departement", "exercice__nomenclature"
        ),
        pk=pk,
    )


def _illisible(request, lot, refus):
    messages.error(request, _phrase(refus))
    if lot.plan:
        return redirect("programmation:import_detail", lot.pk)
    return redirect("programmation:import_list")


def _phrase(refus):
    return insecables(" ".join(refus.messages) if isinstance(refus, OperationRefusee) else str(refus))


def _telecharger(fichier, nom):
    fichier.seek(0)
    return FileResponse(fichier, as_attachment=True, filename=nom, content_type=XLSX)
