//! Every sprite of the manifest in a grid, each pixel drawn as a square of whole screen pixels.
//!
//! A changed image needs nothing from us: Bevy reloads it behind its handle. A changed manifest (a sprite is new, or
//! has another size) means a new grid.

use bevy::prelude::*;
use bevy::sprite::Anchor;
use bevy::window::WindowResized;

use crate::manifest::{ManifestHandle, SpriteManifest};

/// Free screen pixels around each sprite.
const GAP: u32 = 8;
/// A sprite alone in the window is drawn at most this many times its size.
const MAX_SCALE: u32 = 8;

/// Draws the grid and draws it again when the manifest or the window's size changes.
pub struct GalleryPlugin;

impl Plugin for GalleryPlugin {
    fn build(&self, app: &mut App) {
        // Eager: both conditions run each frame, so that each has read its messages and none fires late.
        let changed = on_message::<AssetEvent<SpriteManifest>>.or_eager(on_message::<WindowResized>);
        app.insert_resource(ClearColor(Color::srgb_u8(34, 32, 52)))
            .add_systems(Startup, spawn_camera)
            .add_systems(Update, rebuild.run_if(changed));
    }
}

/// Marks what belongs to the grid, so that a new grid can remove the old one.
#[derive(Component)]
struct GalleryItem;

fn spawn_camera(mut commands: Commands) {
    // Multisampling smooths edges; pixel art wants them sharp.
    commands.spawn((Camera2d, Msaa::Off));
}

fn rebuild(
    mut commands: Commands,
    server: Res<AssetServer>,
    handle: Res<ManifestHandle>,
    manifests: Res<Assets<SpriteManifest>>,
    window: Single<&Window>,
    old: Query<Entity, With<GalleryItem>>,
) {
    // Not loaded yet, or never published: the next asset event calls us again.
    let Some(manifest) = manifests.get(&handle.0) else {
        return;
    };
    // Commands run after this system. The old sprites still hold their images while `load` below asks for the same
    // paths, so that images already in memory are not read again.
    for entity in &old {
        commands.entity(entity).despawn();
    }
    let view = window.resolution.size().as_uvec2();
    let grid = Grid::fit(view, largest(manifest), manifest.assets.len());
    for (index, entry) in manifest.assets.iter().enumerate() {
        let size = UVec2::new(entry.width, entry.height) * grid.scale;
        commands.spawn((
            GalleryItem,
            Name::new(entry.path.clone()),
            Sprite {
                image: server.load(&entry.path),
                custom_size: Some(size.as_vec2()),
                ..default()
            },
            // From the top left corner, whole sizes give whole positions; from the centre, odd ones give halves.
            Anchor::TOP_LEFT,
            Transform::from_translation(grid.top_left(index, view).extend(0.0)),
        ));
    }
    info!("showing {} sprites at scale {}", manifest.assets.len(), grid.scale);
}

fn largest(manifest: &SpriteManifest) -> UVec2 {
    manifest.assets.iter().fold(UVec2::ONE, |size, entry| {
        size.max(UVec2::new(entry.width, entry.height))
    })
}

/// Equal cells, in rows from the top left.
#[derive(Debug, PartialEq)]
struct Grid {
    /// One scale for all, so that all pixels look the same size.
    scale: u32,
    columns: u32,
    cell: UVec2,
}

impl Grid {
    /// The largest whole scale at which `count` sprites of up to `largest` pixels fit into `view`; 1 if none does.
    fn fit(view: UVec2, largest: UVec2, count: usize) -> Self {
        let at = |scale: u32| {
            let cell: UVec2 = largest * scale + GAP;
            let columns = (view.x / cell.x).max(1);
            Self { scale, columns, cell }
        };
        let fits = |grid: &Self| {
            let rows = u32::try_from(count).unwrap_or(u32::MAX).div_ceil(grid.columns);
            grid.cell.x <= view.x && grid.cell.y.saturating_mul(rows) <= view.y
        };
        (1..=MAX_SCALE).rev().map(at).find(fits).unwrap_or_else(|| at(1))
    }

    /// The top left corner of a cell's sprite. Bevy's origin is the middle of the view, and y points up.
    fn top_left(&self, index: usize, view: UVec2) -> Vec2 {
        let index = index as u32;
        let cell = UVec2::new(index % self.columns, index / self.columns);
        let from_corner = (cell * self.cell + GAP / 2).as_vec2();
        let corner = view.as_vec2() / 2.0;
        Vec2::new(from_corner.x - corner.x, corner.y - from_corner.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: UVec2 = UVec2::new(1280, 720);

    #[test]
    fn a_lone_sprite_is_drawn_large() {
        assert_eq!(Grid::fit(VIEW, UVec2::splat(32), 1).scale, MAX_SCALE);
    }

    #[test]
    fn many_sprites_all_fit_into_the_window() {
        let grid = Grid::fit(VIEW, UVec2::splat(32), 200);
        let last = grid.top_left(199, VIEW);
        let size = (32 * grid.scale) as f32;
        assert!(last.x + size <= 640.0 && last.y - size >= -360.0, "{grid:?}");
    }

    #[test]
    fn too_many_sprites_are_drawn_at_their_own_size() {
        assert_eq!(Grid::fit(VIEW, UVec2::splat(64), 5000).scale, 1);
    }

    #[test]
    fn a_sprite_starts_on_a_whole_pixel_of_a_window_with_odd_sides() {
        let view = UVec2::new(1001, 701);
        let start = Grid::fit(view, UVec2::splat(16), 3).top_left(1, view) + view.as_vec2() / 2.0;
        assert_eq!(start, start.floor());
    }
}
