"""Les photographies : intactes, et les mêmes que les exercices clos."""

from programmation.enums import StatutExercice
from programmation.models import Exercice

from .. import photographies
from ..models import Photographie
from .outils import Ecart, verification


@verification("empreinte d’une photographie", "L’empreinte d’une photographie est celle de son contenu.")
def empreinte_d_une_photographie():
    for photographie in Photographie.objects.order_by("pk").iterator(chunk_size=1):
        attendu = photographies.empreinte(photographie.lignes, photographie.synthese)
        if photographie.empreinte != attendu:
            yield Ecart(f"photographie {photographie.pk} « {photographie} »", attendu, photographie.empreinte)


@verification("exercice clos", "Un exercice clos a gardé les chiffres de sa dernière photographie, au centime.")
def exercice_clos():
    for exercice in Exercice.objects.filter(statut=StatutExercice.CLOS).select_related("departement"):
        derniere = Photographie.objects.filter(exercice=exercice).order_by("-pk").first()
        if derniere is None:
            yield Ecart(f"exercice {exercice}", "une photographie", "aucune")
        else:
            yield from differences(exercice, derniere)


def differences(exercice, photographie):
    avant = par_cle(photographie.lignes)
    maintenant = par_cle(photographies.lignes(exercice))
    for cle in sorted(avant.keys() | maintenant.keys()):
        ancienne, actuelle = avant.get(cle), maintenant.get(cle)
        objet = f"exercice {exercice}, action « {(actuelle or ancienne)['intitule']} »"
        if ancienne is None or actuelle is None:
            yield Ecart(objet, "présente" if ancienne else "absente", "présente" if actuelle else "absente")
            continue
        for champ in actuelle:
            if actuelle[champ] != ancienne.get(champ):
                yield Ecart(f"{objet}, {champ}", ancienne.get(champ), actuelle[champ])


def par_cle(lignes):
    return {ligne["cle"]: photographies.sans_libelles(ligne) for ligne in lignes}
