"""Les écrans des dispositifs : adultes-relais, FONJEP, réussite éducative."""

app_name = "dispositifs"
urlpatterns = []
