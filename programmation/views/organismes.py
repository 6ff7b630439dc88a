"""Le répertoire des organismes : chercher, lire, créer, modifier, fusionner des doublons et s'en dédire."""

from itertools import groupby

from django.contrib import messages
from django.db.models import Count, Q
from django.db.models.functions import Coalesce
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_safe
from django.views.generic import ListView
from django_htmx.http import trigger_client_event

from politique_ville.outils.siret import normaliser_siret
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..enums import CodeParametre
from ..forms.choix import trouver
from ..forms.organismes import MotifForm, NouveauPorteurForm, OrganismeForm, Proposition, proposer
from ..models import Acte, Action, Financement, Organisme
from ..operations import OperationRefusee
from ..synthese import Base, ChoixDeBase, Somme, sommes_par
from ..synthese.actes import avec_montant
from ..synthese.delais import Regle
from .execution import seuil_depasse
from .mixins import PerimetreMixin, exiger

PAR_PAGE = 50
LECTURE_SEULE = "Seuls les agents et les responsables tiennent le répertoire des organismes."


class OrganismeListView(PerimetreMixin, ListView):
    """Les organismes vivants ; une recherche trouve aussi ceux qui ont été fusionnés."""

    model = Organisme
    template_name = "programmation/organisme_list.html"
    paginate_by = PAR_PAGE

    def get_queryset(self):
        self.texte = self.request.GET.get("q", "").strip()
        organismes = super().get_queryset().select_related("fusionne_dans")
        return organismes.recherche(self.texte) if self.texte else organismes.vivants()

    def get_context_data(self, **contexte):
        contexte = super().get_context_data(**contexte)
        nombres = nombres_d_actions(contexte["page_obj"].object_list, self.request.user)
        lignes = [(organisme, nombres.get(organisme.pk, 0)) for organisme in contexte["page_obj"]]
        peut_ecrire = regles.peut_tenir_les_organismes(self.request.user)
        return contexte | {"texte": self.texte, "lignes": lignes, "peut_ecrire": peut_ecrire}


organisme_list = OrganismeListView.as_view()


def nombres_d_actions(organismes, utilisateur):
    """Le nombre d'actions visibles par organisme, celles des organismes absorbés comprises. Une requête."""
    actions = Action.objects.visibles_par(utilisateur).order_by()
    porteurs = actions.annotate(courant=Coalesce("porteur__fusionne_dans", "porteur"))
    comptees = porteurs.filter(courant__in=[o.pk for o in organismes]).values("courant")
    return {ligne["courant"]: ligne["nombre"] for ligne in comptees.annotate(nombre=Count("pk"))}


@require_safe
def organisme_detail(request, pk):
    organisme = organisme_visible(request.user, pk)
    contexte = {
        "organisme": organisme,
        "etablissements": organisme.etablissements.select_related("commune").order_by("-debut", "siret"),
        "absorbes": organisme.fusionnes.prefetch_related("etablissements"),
        "annees": actions_par_exercice(organisme, request.user),
        "actes": actes_de(organisme, request.user),
        "peut_ecrire": regles.peut_tenir_les_organismes(request.user),
        "lit_l_histoire": regles.sert_l_etat(request.user),
    }
    return render(request, "programmation/organisme_detail.html", contexte)


def actes_de(organisme, utilisateur):
    """Ceux que la personne lit, le plus récent d'abord ; un partenaire n'en lit aucun."""
    siens = Acte.objects.visibles_par(utilisateur).filter(
        Q(organisme=organisme) | Q(organisme__fusionne_dans=organisme)
    )
    return (
        avec_montant(siens).select_related("exercice", "organisme", "remplace_par").order_by("-exercice__annee", "-pk")
    )


def actions_par_exercice(organisme, utilisateur):
    """Ses actions visibles, et celles des organismes qu'il a absorbés, par exercice, avec les totaux de la synthèse."""
    lignes = Financement.objects.bornes_a(utilisateur)
    actions = Action.objects.visibles_par(utilisateur).filter(
        Q(porteur=organisme) | Q(porteur__fusionne_dans=organisme)
    )
    demandes, accordes = (
        sommes_par(actions, ChoixDeBase(base), "exercice", lignes=lignes)
        for base in (Base.P147_DEMANDE, Base.P147_ACCORDE)
    )
    lues = actions.avec_montants(lignes).select_related("exercice__departement", "contrat")
    ordonnees = lues.order_by("-exercice__annee", "exercice__departement__code", "recherche", "pk")
    regle = Regle(CodeParametre.SEUIL_CONVENTION)
    return [
        {
            "exercice": exercice,
            "actions": list(siennes),
            "demande": demandes.get(exercice.pk, Somme()).montant,
            "accorde": accordes.get(exercice.pk, Somme()).montant,
            "seuil": seuil_depasse(regle, organisme, exercice, accordes.get(exercice.pk, Somme()).montant),
        }
        for exercice, siennes in groupby(ordonnees, key=lambda action: action.exercice)
    ]


# --- Créer et modifier ---


def organisme_create(request):
    exiger(regles.peut_tenir_les_organismes(request.user), LECTURE_SEULE)
    if request.htmx and request.method == "POST":
        return creer_sur_place(request)
    initial = {"nom": request.GET.get("nom", ""), "siret": request.GET.get("siret", "")}
    return saisir_un_organisme(request, OrganismeForm(request.POST or None, initial=initial), "Ajouter un organisme")


def organisme_update(request, pk):
    organisme = organisme_a_tenir(request.user, pk)
    titre = insecables(f"Modifier « {organisme} »")
    return saisir_un_organisme(request, OrganismeForm(request.POST or None, instance=organisme), titre)


def saisir_un_organisme(request, formulaire, titre):
    if formulaire.is_valid() and enregistrer(request, formulaire):
        messages.success(request, insecables(f"« {formulaire.instance} » est enregistré."))
        return redirect(suite(request) or fiche(formulaire.instance))
    contexte = {"formulaire": formulaire, "titre": titre, "suite": suite(request)}
    return render(request, "programmation/organisme_form.html", contexte)


def fiche(organisme):
    return reverse("programmation:organisme_detail", args=[organisme.pk])


def suite(request):
    """La page du site d'où l'on est venu compléter l'organisme (`suite`), ou ""."""
    adresse = request.GET.get("suite", "")
    return adresse if adresse.startswith("/") and url_has_allowed_host_and_scheme(adresse, None) else ""


def enregistrer(request, formulaire):
    """Passe par l'opération ; rend l'organisme, ou None après avoir placé ses refus dans le formulaire."""
    siret, nouveau = formulaire.cleaned_data["siret"], formulaire.instance.pk is None
    try:
        organisme = operations.enregistrer_un_organisme(formulaire.instance, par=request.user, siret=siret)
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None
    if nouveau:
        signaler_un_homonyme(request, organisme)
    return organisme


def signaler_un_homonyme(request, organisme):
    """Deux organismes de même nom sans numéro pour les distinguer : permis, mais dit, comme à l'import."""
    homonymes = Organisme.objects.visibles_par(request.user).homonymes(organisme)
    if homonymes:
        phrase = insecables(f"Un autre organisme s’appelle déjà « {homonymes[0]} » : ")
        lien = '{}<a class="fr-link" href="{}">vérifier que ce n’est pas le même</a>.'
        adresse = reverse("programmation:organisme_detail", args=[homonymes[0].pk])
        messages.warning(request, format_html(lien, phrase, adresse))


def creer_sur_place(request):
    """Depuis la saisie d'une action : crée l'organisme, ou ajoute un SIRET à celui qui existe, et le choisit."""
    formulaire = NouveauPorteurForm(request.POST)
    juste = formulaire.is_valid()
    if "rattacher" in request.POST:
        organisme = rattacher(request, formulaire)
    else:
        organisme = enregistrer(request, formulaire) if juste else None
    if organisme is None:
        return render(request, "programmation/_nouveau_porteur.html", {"formulaire": formulaire})
    return porteur_choisi(request, organisme, formulaire["siret"].value())


def rattacher(request, formulaire):
    organisme = trouver(Organisme.objects.visibles_par(request.user), request.POST["rattacher"])
    if organisme is None:
        raise Http404
    try:
        siret = formulaire["siret"].value() or ""
        return operations.enregistrer_un_organisme(organisme, par=request.user, siret=siret)
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None


def porteur_choisi(request, organisme, siret):
    """Un volet de nouveau vierge, et l'événement qui pose le porteur dans la saisie."""
    etablissement = organisme.etablissements.filter(siret=normaliser_siret(siret)).first()
    detail = {
        "porteur": organisme.pk,
        "etablissement": etablissement.pk if etablissement else "",
        "libelle": Proposition(organisme, etablissement).libelle,
    }
    reponse = render(request, "programmation/_nouveau_porteur.html", {"formulaire": NouveauPorteurForm()})
    return trigger_client_event(reponse, "porteur-choisi", detail)


@require_safe
def organisme_chercher(request):
    """Les porteurs qui répondent à ce qui est tapé, pour la saisie d'une action."""
    exiger(regles.peut_tenir_les_organismes(request.user), LECTURE_SEULE)
    reponse = proposer(request.GET.get("porteur_texte", ""), request.user)
    return render(request, "programmation/_porteurs_proposes.html", {"reponse": reponse})


# --- Fusionner ---


def organisme_fusionner(request, pk):
    """Choisir la cible, lire l'aperçu, écrire le motif, confirmer."""
    source = organisme_a_tenir(request.user, pk)
    candidats = Organisme.objects.visibles_par(request.user).vivants().exclude(pk=source.pk)
    cible = trouver(candidats, request.POST.get("cible") or request.GET.get("cible"))
    formulaire = MotifForm(request.POST or None)
    if request.method == "POST" and cible and formulaire.is_valid():
        fusion = operations.fusionner, (source, cible)
        if executer(request, formulaire, *fusion):
            messages.success(request, insecables(f"« {source} » est fusionné dans « {cible} »."))
            return redirect("programmation:organisme_detail", cible.pk)
    texte = request.GET.get("q", source.nom)
    nombres = nombres_d_actions([source, cible] if cible else [source], request.user)
    contexte = {
        "source": source,
        "cible": cible,
        "cotes": [(organisme, nombres.get(organisme.pk, 0)) for organisme in (source, cible) if organisme],
        "texte": texte,
        "candidats": [] if cible else candidats.recherche(texte)[:20],
        "formulaire": formulaire,
    }
    return render(request, "programmation/organisme_fusionner.html", contexte)


def organisme_annuler_fusion(request, pk):
    source = organisme_a_tenir(request.user, pk)
    formulaire = MotifForm(request.POST or None)
    if formulaire.is_valid() and executer(request, formulaire, operations.annuler_la_fusion, (source,)):
        messages.success(request, insecables(f"« {source} » est de nouveau un organisme à part."))
        return redirect("programmation:organisme_detail", source.pk)
    contexte = {"source": source, "formulaire": formulaire}
    return render(request, "programmation/organisme_annuler_fusion.html", contexte)


def executer(request, formulaire, operation, organismes):
    try:
        return operation(*organismes, par=request.user, motif=formulaire.cleaned_data["motif"])
    except OperationRefusee as refus:
        formulaire.refuser(refus)
        return None


# --- Portes ---


def organisme_visible(utilisateur, pk):
    return get_object_or_404(Organisme.objects.visibles_par(utilisateur).select_related("fusionne_dans"), pk=pk)


def organisme_a_tenir(utilisateur, pk):
    """404 s'il n'est pas visible, 403 à qui ne tient pas le répertoire."""
    organisme = organisme_visible(utilisateur, pk)
    exiger(regles.peut_tenir_les_organismes(utilisateur), LECTURE_SEULE)
    return organisme
