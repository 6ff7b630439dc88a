"""Les photographies : intactes, et les mêmes que les exercices clos, au centime."""

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


@verification("exercice clos", "Un exercice clos a gardé les chiffres de sa photographie de clôture, au centime.")
def exercice_clos():
    for exercice in Exercice.objects.filter(statut=StatutExercice.CLOS).select_related("departement", "nomenclature"):
        cloture = Photographie.objects.filter(exercice=exercice).de_la_cloture()
        if cloture is None:
            yield Ecart(f"exercice {exercice}", "une photographie", "aucune")
        else:
            yield from ecarts(exercice, cloture)


def ecarts(exercice, cloture):
    """Un recomptage neuf, action par action puis chiffre par chiffre."""
    gardee = {"lignes": cloture.lignes, "synthese": cloture.synthese}
    neuve = {"lignes": photographies.lignes(exercice), "synthese": photographies.synthese(exercice)}
    for difference in photographies.differences(gardee, neuve):
        champ = f", {difference.champ}" if difference.champ else ""
        yield Ecart(f"exercice {exercice}, {difference.objet}{champ}", difference.avant, difference.apres)
