"""La séance d'un comité : le poste de saisie, et l'écran que la salle regarde. Un GET n'écrit jamais."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from politique_ville.outils.francais import pluriel
from politique_ville.outils.typographie import insecables

from .. import operations, regles
from ..forms.comites import deja_enregistre, dire_l_issue, formulaires
from ..forms.depassement import accord_a_donner, lire_l_accord
from ..operations import ConflitDeVersion, OperationRefusee, PassageModifie
from ..operations.depassements import dire_les_depassements
from ..synthese.comites import avis_a_projeter, empreinte_de_la_seance, ordre_du_jour
from ..synthese.situation import situation
from .comites import (
    actions_vues,
    comite_a_tenir,
    comite_visible,
    enveloppes_vues,
    faire,
    identifiant,
    passage_du_comite,
    peut_encore_tenir,
)

RIEN_DE_CHOISI = "Rien à enregistrer : choisir l’issue d’au moins une action."
VUES = ("action", "table", "situation")

# --- Le poste de saisie ---


def comite_seance(request, pk):
    """Le poste de saisie : tout l'ordre du jour (`passage` absent), ou une seule action."""
    comite = comite_a_tenir(request, pk)
    empechement = regles.empechement_de_sieger(comite) or regles.empechement_du_comite(comite.campagne)
    if empechement:
        messages.warning(request, insecables(empechement))
        return redirect("programmation:comite_detail", pk)
    if request.method == "POST":
        return enregistrer(request, comite)
    ordre = ordre_du_jour(comite, actions_vues(request), avis=avis_a_projeter(comite))
    if "passage" in request.GET:
        choisi = passage_du_comite(comite, request.GET["passage"])
        ligne = ordre.ligne(choisi.pk)
        if ligne is None:
            raise Http404("Cette action n’est pas dans votre périmètre.")
        return page_d_une_action(request, comite, ordre, formulaires([ligne], request.user)[0])
    return page_du_tableau(request, comite, ordre, formulaires(ordre.a_examiner, request.user, en_tableau=True))


def page_d_une_action(request, comite, ordre, formulaire, *, conflits=(), accord=None, code=200):
    ligne = formulaire.ligne
    avant, apres = ordre.voisines(ligne)
    contexte = {"ligne": ligne, "formulaire": formulaire, "avant": avant, "apres": apres, "rang": rang(ordre, ligne)}
    contexte["accord"] = accord
    contexte |= contexte_de_seance(request, comite, ordre, conflits)
    contexte = avec_les_enveloppes(contexte)
    return render(request, "programmation/comite_seance_action.html", contexte, status=code)


def page_du_tableau(request, comite, ordre, formulaires_du_tableau, *, conflits=(), refus=(), accord=None, code=200):
    par_passage = {f.ligne.passage.pk: f for f in formulaires_du_tableau}
    lignes = [(ligne, par_passage.get(ligne.passage.pk)) for ligne in ordre.lignes]
    contexte = {"lignes": lignes, "refus": refus, "accord": accord, "nombre": len(formulaires_du_tableau)}
    contexte |= contexte_de_seance(request, comite, ordre, conflits)
    contexte = avec_les_enveloppes(contexte)
    return render(request, "programmation/comite_seance.html", contexte, status=code)


def contexte_de_seance(request, comite, ordre, conflits):
    return {
        "comite": comite,
        "ordre": ordre,
        "conflits": conflits,
        "gel": insecables(regles.gel_en_seance(comite.campagne)),
        "situation": situation(comite, actions_vues(request), enveloppes_vues(request)),
        "vu": empreinte_de_la_seance(comite),
        "vue": "situation",
    }


def avec_les_enveloppes(contexte):
    """L'écran d'une action ne montre que les enveloppes qui peuvent la porter."""
    ligne, lue = contexte.get("ligne"), contexte["situation"]
    return contexte | {"enveloppes": lue.enveloppes_de(ligne.action) if ligne else lue.enveloppes}


def rang(ordre, ligne):
    return ordre.lignes.index(ligne) + 1


def enregistrer(request, comite):
    """Enregistre une action (`passage` nommé) ou les lignes renseignées du tableau, et le dit."""
    seul = request.POST.get("passage")
    ordre = ordre_du_jour(comite, actions_vues(request), avis=avis_a_projeter(comite))
    envoyees = lignes_envoyees(request, ordre, seul)
    remplis = formulaires(envoyees, request.user, request.POST, en_tableau=not seul)
    retenus = remplis if seul else [f for f in remplis if f.est_renseigne]
    if not retenus:
        return rien_a_enregistrer(request, comite, ordre, remplis)
    if any(f.est_perime for f in retenus):
        return conflit(request, comite, ordre, remplis, seul)
    valides = [f.is_valid() for f in retenus]  # chaque ligne dit son erreur
    if not all(valides):
        return remontrer(request, comite, ordre, remplis, seul)
    saisies = [f.saisie() for f in retenus]
    try:
        accord = lire_l_accord(request.POST)
        decisions = operations.enregistrer_en_seance(comite, saisies, par=request.user, depassements_acceptes=accord)
    except (PassageModifie, ConflitDeVersion):  # quelqu'un a écrit entre la lecture et le verrou
        relu = ordre_du_jour(comite, actions_vues(request), avis=avis_a_projeter(comite))
        refaits = formulaires(lignes_envoyees(request, relu, seul), request.user, request.POST, en_tableau=not seul)
        return conflit(request, comite, relu, refaits, seul)
    except OperationRefusee as refus:
        accord = accord_a_donner(refus, request.POST)
        if seul:
            retenus[0].refuser(refus)
            return remontrer(request, comite, ordre, remplis, seul, accord=accord)
        phrases = [insecables(m) for m in refus.messages]
        return remontrer(request, comite, ordre, remplis, seul, refus=phrases, accord=accord)
    mots = pluriel(len(saisies), "issue enregistrée", "issues enregistrées")
    en_plus = dire_les_depassements(decisions)
    messages.success(request, insecables(f"{mots}{montant_en_mots(comite, saisies)}{en_plus}."))
    return apres_l_enregistrement(request, comite, ordre, seul)


def rien_a_enregistrer(request, comite, ordre, remplis):
    """Aucune issue choisie : les montants et les observations déjà tapés se remontrent."""
    restent = [f for f in remplis if not f.ligne.est_traitee]
    a_montrer = restent or formulaires(ordre.a_examiner, request.user, en_tableau=True)
    return page_du_tableau(request, comite, ordre, a_montrer, refus=[insecables(RIEN_DE_CHOISI)])


def montant_en_mots(comite, saisies):
    return f" : {dire_l_issue(saisies[0].issue, saisies[0].montant)}" if len(saisies) == 1 else ""


def lignes_envoyees(request, ordre, seul):
    """Les lignes que l'envoi porte ; 404 si le passage nommé n'est pas de ce comité, ou hors du périmètre."""
    if seul is None:
        return [ligne for ligne in ordre.lignes if f"p{ligne.passage.pk}-version" in request.POST]
    ligne = ordre.ligne(identifiant(seul))
    if ligne is None:
        raise Http404("Passage inconnu.")
    return [ligne]


def remontrer(request, comite, ordre, remplis, seul, *, refus=(), **options):
    if seul:
        return page_d_une_action(request, comite, ordre, remplis[0], **options)
    return page_du_tableau(request, comite, ordre, remplis, refus=refus, **options)


def conflit(request, comite, ordre, remplis, seul):
    """Quelqu'un a écrit entre-temps : les deux valeurs sont montrées, rien n'est enregistré. Le même envoi, déjà écrit,
    se reconnaît."""
    retenus = [f for f in remplis if seul or f.est_renseigne]
    if all(deja_enregistre(f.saisie(), f.ligne.passage, request.user) for f in retenus):
        messages.info(request, "Votre saisie est déjà enregistrée.")
        return redirect("programmation:comite_seance", comite.pk)
    perimes = [f for f in retenus if f.est_perime]
    conflits = [(f.ligne, dire_la_saisie(f.saisie()), qui_a_ecrit(f.ligne.passage)) for f in perimes]
    frais = formulaires([f.ligne for f in perimes], request.user, en_tableau=not seul)
    a_montrer = frais if seul else [*[f for f in remplis if not f.est_perime], *frais]
    a_montrer = [f for f in a_montrer if seul or not f.ligne.est_traitee]
    return remontrer(request, comite, ordre, a_montrer, seul, conflits=conflits, code=409)


def dire_la_saisie(saisie):
    return dire_l_issue(saisie.issue, saisie.montant)


def qui_a_ecrit(passage):
    """La dernière trace de ce passage : qui, quand."""
    return passage.history.select_related("history_user").order_by("-history_id").first()


def apres_l_enregistrement(request, comite, ordre, seul):
    """« Enregistrer et passer à la suivante » amène la suivante, ici et à l'écran projeté."""
    adresse = reverse("programmation:comite_seance", args=[comite.pk])
    if not seul:
        return redirect(adresse)
    ligne = ordre.ligne(identifiant(seul))
    suivante = prochaine(ordre, ligne) if request.POST.get("suite") == "suivante" else None
    if suivante is None:
        return redirect(f"{adresse}?passage={ligne.passage.pk}")
    faire(request, lambda: operations.montrer(comite, suivante.passage, par=request.user))
    return redirect(f"{adresse}?passage={suivante.passage.pk}")


def prochaine(ordre, ligne):
    """La prochaine action à examiner, après celle-ci puis depuis le début."""
    debut = ordre.lignes.index(ligne) + 1
    return next((li for li in ordre.lignes[debut:] + ordre.lignes[: debut - 1] if not li.est_traitee), None)


@require_POST
def comite_montrer(request, pk):
    """Amène une action à l'écran projeté, et à celui de qui la montre."""
    comite = comite_a_tenir(request, pk)
    passage = passage_du_comite(comite, request.POST.get("passage", ""))
    if not faire(request, lambda: operations.montrer(comite, passage, par=request.user)):
        return redirect("programmation:comite_detail", pk)
    return redirect(f"{reverse('programmation:comite_seance', args=[pk])}?passage={passage.pk}")


# --- L'écran projeté ---


@require_safe
def comite_projection(request, pk):
    """L'écran que la salle regarde : il suit la séance, et se rafraîchit seul."""
    comite = comite_visible(request, pk)
    contexte = contexte_de_l_ecran(request, comite, vue_demandee(request, "action"))
    contexte["peut_tenir"] = peut_encore_tenir(request.user, comite)
    return render(request, "programmation/comite_projection.html", contexte)


@require_safe
def comite_ecran(request, pk):
    """Le fragment de l'écran projeté : 204 si rien n'a changé depuis `vu`."""
    comite = comite_visible(request, pk)
    if request.GET.get("vu") == empreinte_de_la_seance(comite):
        return HttpResponse(status=204)
    contexte = contexte_de_l_ecran(request, comite, vue_demandee(request, "situation"))
    return render(request, "programmation/_comite_ecran.html", contexte)


def vue_demandee(request, defaut):
    vue = request.GET.get("vue", defaut)
    return vue if vue in VUES else defaut


def contexte_de_l_ecran(request, comite, vue):
    contexte = {
        "comite": comite,
        "vue": vue,
        "vu": empreinte_de_la_seance(comite),
        "situation": situation(comite, actions_vues(request), enveloppes_vues(request)),
    }
    if vue != "situation":
        contexte |= contexte_de_l_examen(request, comite, vue)
    elif "passage" in request.GET:
        choisi = passage_du_comite(comite, request.GET["passage"])
        contexte["ligne"] = ordre_du_jour(comite, actions_vues(request), seul=choisi.pk).ligne(choisi.pk)
    return avec_les_enveloppes(contexte)


def contexte_de_l_examen(request, comite, vue):
    """L'ordre du jour et, pour une action, celle que l'adresse nomme ou celle que la séance examine."""
    avis = avis_a_projeter(comite) if vue == "action" else None
    ordre = ordre_du_jour(comite, actions_vues(request), avis=avis)
    contexte = {"ordre": ordre, "suit": "passage" not in request.GET}
    if vue == "table" or not ordre.lignes:
        return contexte
    choisie = identifiant(request.GET.get("passage")) or comite.en_cours_id
    ligne = ordre.ligne(choisie) or ordre.lignes[0]
    avant, apres = ordre.voisines(ligne)
    return contexte | {"ligne": ligne, "rang": rang(ordre, ligne), "avant": avant, "apres": apres}
