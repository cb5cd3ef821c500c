"""What is drawn with: letters on a picture, contact sheets, figures."""
