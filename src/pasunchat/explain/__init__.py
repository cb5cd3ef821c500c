"""Why a classifier answers so: its layers, one unit's sum, the last sum, and each value's push.

The functions take a classifier as `fool` does, and pictures as the classifier sees them, uint8
[H, W, 3]. All ask in evaluation mode and leave the network as it was. Where several questions are
asked about one picture, `forward_pass` asks the network once for all of them.
"""

from pasunchat.explain.belief import Belief as Belief
from pasunchat.explain.belief import Calibration as Calibration
from pasunchat.explain.belief import ConfidenceBin as ConfidenceBin
from pasunchat.explain.belief import belief as belief
from pasunchat.explain.belief import calibration_of as calibration_of
from pasunchat.explain.fields import Field as Field
from pasunchat.explain.forward_pass import ForwardPass as ForwardPass
from pasunchat.explain.forward_pass import Image as Image
from pasunchat.explain.forward_pass import forward_pass as forward_pass
from pasunchat.explain.growth import Growth as Growth
from pasunchat.explain.growth import growth as growth
from pasunchat.explain.layers import LayerInfo as LayerInfo
from pasunchat.explain.layers import LayerMaps as LayerMaps
from pasunchat.explain.layers import layer_maps as layer_maps
from pasunchat.explain.layers import layers_of as layers_of
from pasunchat.explain.layers import shown_layers as shown_layers
from pasunchat.explain.pushes import Pushes as Pushes
from pasunchat.explain.pushes import pushes as pushes
from pasunchat.explain.unit import Term as Term
from pasunchat.explain.unit import Unit as Unit
from pasunchat.explain.unit import unit as unit
from pasunchat.explain.votes import Votes as Votes
from pasunchat.explain.votes import votes as votes
