"""Problem 1, linear collapse; its solution, a non-linearity.

Two dense layers one after the other are one dense layer, with W1 W2 and B1 W2 + B2. With relu
between them they are not, and can answer what no single layer can: whether exactly one of two
numbers is 1.
"""

import torch
from torch import nn

torch.manual_seed(0)
hidden, out = nn.Linear(6, 5), nn.Linear(5, 2)
one = nn.Linear(6, 2)
with torch.no_grad():
    one.weight.copy_(out.weight @ hidden.weight)
    one.bias.copy_(out.weight @ hidden.bias + out.bias)
    photos = torch.randn(1000, 6)
    apart = (out(hidden(photos)) - one(photos)).abs().max()
    bent = (out(hidden(photos).relu()) - one(photos)).abs().max()
print(f"two layers and one, 1,000 inputs: at most {apart:.6f} apart; with relu {bent:.2f}")

inputs = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
exactly_one = torch.tensor([0, 1, 1, 0])
for name, between in (("without relu", nn.Identity()), ("with relu", nn.ReLU())):
    network = nn.Sequential(nn.Linear(2, 8), between, nn.Linear(8, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(500):
        loss = nn.functional.cross_entropy(network(inputs), exactly_one)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"exactly one of two, {name}: loss {loss:.3f}")
