//! Names of variables as the engineering station sees them: every single value and every array of them.

use super::MAX_NAME_BYTES;
use super::codegen::Gen;
use super::data_types::VarTy;
use super::instr::Slot;
use super::program::{Place, Symbol, SymbolDim};
use super::text;
use super::types::Ty;
use super::variables::{Owner, Var, VarPlace};

impl Gen<'_> {
    pub(super) fn symbol(&mut self, owner: Owner<'_>, name: &str, var: Var) {
        let Some(prefix) = owner.prefix else { return };
        let place = match var.place {
            VarPlace::Slot(slot) => Place::Slot(slot),
            VarPlace::Memory { at, size } => Place::Memory { at, size },
            VarPlace::Const(bits) => Place::Slot(self.constant_slot(bits)),
            // What it stands for changes with every call.
            VarPlace::Ref(_) => return,
        };
        let constant = var.read_only && !matches!(var.place, VarPlace::Memory { .. });
        self.leaves(format!("{prefix}{name}"), var.ty, (place, constant), &[]);
    }

    /// Makes one symbol for each kind of single value inside a variable.
    fn leaves(&mut self, name: String, ty: VarTy, at: (Place, bool), dims: &[SymbolDim]) {
        let (place, constant) = at;
        let mut symbol = Symbol {
            ty: Ty::Error,
            place,
            dims: dims.to_vec(),
            slots: 1,
            range: None,
            constant,
        };
        match ty {
            VarTy::Scalar(ty) => symbol.ty = ty,
            VarTy::Subrange(index) => {
                let Some(range) = self.subranges.get(index) else {
                    return;
                };
                symbol.ty = range.ty;
                symbol.range = Some((range.low, range.high));
            }
            VarTy::Text(capacity) => {
                symbol.ty = Ty::Text;
                symbol.slots = text::slots_of(capacity);
                symbol.range = Some((0, i64::from(capacity)));
            }
            VarTy::Array(index) => {
                let Some(array) = self.arrays.get(index) else {
                    return;
                };
                let element = array.element;
                let mut stride = usize::from(array.stride);
                let mut inner = Vec::new();
                for dim in array.dims.iter().rev() {
                    inner.push(SymbolDim { dim: *dim, stride });
                    stride *= dim.extent as usize;
                }
                inner.reverse();
                let all = [dims, &inner].concat();
                self.leaves(name, element, at, &all);
                return;
            }
            VarTy::Struct(index) => {
                let Some(structure) = self.structs.get(index) else {
                    return;
                };
                let fields: Vec<(String, VarTy, Slot)> = structure
                    .fields
                    .iter()
                    .map(|(field, data)| (field.clone(), data.ty, data.offset))
                    .collect();
                let Place::Slot(base) = place else { return };
                for (field, ty, offset) in fields {
                    let place = Place::Slot(base.saturating_add(offset));
                    self.leaves(format!("{name}.{field}"), ty, (place, constant), dims);
                    if self.stopped {
                        return;
                    }
                }
                return;
            }
            VarTy::Block(_) => return,
        }
        self.name_bytes += name.len() + size_of_val(dims);
        if self.name_bytes > MAX_NAME_BYTES {
            self.limit(self.pos, "bytes of names", MAX_NAME_BYTES);
            return;
        }
        self.symbols.insert(name, symbol);
    }
}
