"""One delivery inside its Job: a staged zip, encrypted where somebody asks for that, to where it belongs."""
