"""A type for numba: a vector of sixteen floats, with the eight operations that the kernel needs.

LLVM keeps such a vector in one register of AVX-512, two of AVX2 or four of NEON; nothing here
names a processor. Each operation is a few lines of LLVM code, written through llvmlite. A place in
an array (`at`) counts floats from its start; a vector may begin at any place.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

LANES = 16
FLOATS = ir.VectorType(ir.FloatType(), LANES)
BYTES = ir.VectorType(ir.IntType(8), LANES)
INTS = ir.VectorType(ir.IntType(32), LANES)


class Vector(types.Type):
    """The type of sixteen floats."""

    def __init__(self) -> None:
        super().__init__("sixteen_floats")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, FLOATS)


vector = Vector()


def _address(context: Any, builder: Any, kind: Any, array: Any, at: Any, cast: Any = None) -> Any:
    place = builder.gep(context.make_array(kind)(context, builder, array).data, [at])
    return builder.bitcast(place, cast.as_pointer()) if cast else place


def _moved(builder: Any, at: Any, step: Any, times: int) -> Any:
    """at + step * times"""
    return builder.add(at, builder.mul(step, ir.Constant(step.type, times)))


def _multiply_add(builder: Any, number: Any, b: Any, c: Any) -> Any:
    """number * b + c. fmuladd, since fma is a slow call where the processor has none."""
    nothing, first = ir.Constant(FLOATS, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    a = builder.insert_element(nothing, number, first)
    a = builder.shuffle_vector(a, nothing, ir.Constant(INTS, [0] * LANES))
    kind, name = ir.FunctionType(FLOATS, [FLOATS] * 3), f"llvm.fmuladd.v{LANES}f32"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """The sixteen floats at `at`."""

    def code(context: Any, builder: Any, _: Any, args: Any) -> Any:
        return builder.load(_address(context, builder, array, args[0], args[1], FLOATS), align=4)

    return vector(array, types.intp), code


@intrinsic
def store(typing: Any, value: Any, array: Any, at: Any) -> Any:
    """Sixteen floats to `at`."""

    def code(context: Any, builder: Any, _: Any, args: Any) -> Any:
        place = _address(context, builder, array, args[1], args[2], FLOATS)
        builder.store(args[0], place, align=4)
        return context.get_dummy_value()

    return types.void(vector, array, types.intp), code


@intrinsic(prefer_literal=True)
def zeros(typing: Any, count: Any) -> Any:
    """A tuple of `count` vectors of zeros."""

    def code(context: Any, _: Any, signature: Any, args: Any) -> Any:
        return cgutils.get_null_value(context.get_value_type(signature.return_type))

    return types.UniTuple(vector, count.literal_value)(count), code


@intrinsic
def convolve(
    typing: Any, tile: Any, x: Any, at: Any, row: Any, step: Any, upper: Any, lower: Any
) -> Any:
    """tile[r, q] + x[at + r * row + q * step] * (upper, lower)[r], for a tile of two rows."""

    def code(context: Any, builder: Any, _: Any, args: Any) -> Any:
        out, x_, at_, row_, step_, *weights = args
        for k in range(tile.count):
            r, q = divmod(k, tile.count // 2)
            place = _moved(builder, _moved(builder, at_, row_, r), step_, q)
            number = builder.load(_address(context, builder, x, x_, place), align=4)
            total = _multiply_add(builder, number, weights[r], builder.extract_value(out, k))
            out = builder.insert_value(out, total, k)
        return out

    place = types.intp
    return tile(tile, x, place, place, place, vector, vector), code


@intrinsic
def cross(typing: Any, tile: Any, bias: Any) -> Any:
    """Two rows u, v -> u + bias + v, u + bias - v."""

    def code(_: Any, builder: Any, __: Any, args: Any) -> Any:
        out, cols = args[0], tile.count // 2
        for q in range(cols):
            upper = builder.fadd(builder.extract_value(args[0], q), args[1])
            lower = builder.extract_value(args[0], cols + q)
            out = builder.insert_value(out, builder.fadd(upper, lower), q)
            out = builder.insert_value(out, builder.fsub(upper, lower), cols + q)
        return out

    return tile(tile, vector), code


@intrinsic
def pool(typing: Any, tile: Any, out: Any, at: Any, won: Any, won_at: Any, step: Any) -> Any:
    """Relu and 2x2 maximum of a tile -> out; which of the four pixels won, or 4 for none -> won.

    The first of equals wins, and what is not a number wins over all numbers, as in PyTorch.
    """

    def larger(builder: Any, a: Any, b: Any) -> Any:
        more = builder.fcmp_ordered(">", b[0], a[0])
        more = builder.or_(more, builder.fcmp_unordered("uno", b[0], b[0]))
        return tuple(
            builder.select(more, after, before) for before, after in zip(a, b, strict=True)
        )

    def code(context: Any, builder: Any, _: Any, args: Any) -> Any:
        tile_, out_, at_, won_, won_at_, step_ = args
        cols = tile.count // 2
        best = ir.Constant(FLOATS, [0.0] * LANES), ir.Constant(BYTES, [4] * LANES)
        for q in range(0, cols, 2):
            a, b, c, d = (
                (builder.extract_value(tile_, k), ir.Constant(BYTES, [which] * LANES))
                for which, k in enumerate((q, q + 1, cols + q, cols + q + 1))
            )
            top, bottom = larger(builder, a, b), larger(builder, c, d)
            value, which = larger(builder, larger(builder, best, top), bottom)
            place = _moved(builder, at_, step_, q // 2)
            builder.store(value, _address(context, builder, out, out_, place, FLOATS), align=4)
            place = _moved(builder, won_at_, step_, q // 2)
            builder.store(which, _address(context, builder, won, won_, place, BYTES), align=1)
        return context.get_dummy_value()

    place = types.intp
    return types.void(tile, out, place, won, place, place), code


@intrinsic
def gather(typing: Any, total: Any, scale: Any, x: Any, at: Any, step: Any, row: Any) -> Any:
    """total[t] + scale * x[at + t % 3 * step + t // 3 * row ...], a tuple of vectors."""

    def code(context: Any, builder: Any, _: Any, args: Any) -> Any:
        out, scale_, x_, *where = args
        for t in range(total.count):
            value = builder.load(_tap(context, builder, x, x_, where, t), align=4)
            value = _multiply_add(builder, scale_, value, builder.extract_value(out, t))
            out = builder.insert_value(out, value, t)
        return out

    place = types.intp
    return total(total, types.float32, x, place, place, place), code


@intrinsic
def scatter(typing: Any, values: Any, scale: Any, x: Any, at: Any, step: Any, row: Any) -> Any:
    """x[at + t % 3 * step + t // 3 * row ...] += scale * values[t]"""

    def code(context: Any, builder: Any, _: Any, args: Any) -> Any:
        values_, scale_, x_, *where = args
        for t in range(values.count):
            place = _tap(context, builder, x, x_, where, t)
            old, value = builder.load(place, align=4), builder.extract_value(values_, t)
            builder.store(_multiply_add(builder, scale_, value, old), place, align=4)
        return context.get_dummy_value()

    place = types.intp
    return types.void(values, types.float32, x, place, place, place), code


def _tap(context: Any, builder: Any, kind: Any, array: Any, where: Any, t: int) -> Any:
    """The address of the t-th vector of three in a row, and three rows."""
    at, step, row = where
    place = _moved(builder, _moved(builder, at, step, t % 3), row, t // 3)
    return _address(context, builder, kind, array, place, FLOATS)
