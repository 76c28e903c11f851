//! The camera: whole pixels, enlarged by a whole number, in a window or into an image.

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::render_resource::{TextureFormat, TextureUsages};
use bevy::window::WindowResized;

/// The size of the window at the start, and of the offscreen image, in screen pixels: 320x180 at zoom 3.
pub const VIEW: UVec2 = UVec2::new(960, 540);

/// Puts a camera into the world, and follows the window's size.
pub struct ViewPlugin {
    /// Draw into an image, for there is no window.
    pub offscreen: bool,
}

impl Plugin for ViewPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<View>()
            .insert_resource(ClearColor(Color::srgb_u8(34, 32, 52)))
            .add_systems(Update, follow_window.run_if(on_message::<WindowResized>))
            .add_systems(PostUpdate, zoom.run_if(resource_changed::<View>));
        if self.offscreen {
            app.add_systems(Startup, spawn_offscreen_camera);
        } else {
            app.add_systems(Startup, spawn_camera);
        }
    }
}

/// What of the world is seen. One unit of the world is one pixel of the art; the origin is the view's middle.
#[derive(Resource, Debug, PartialEq)]
pub struct View {
    /// In screen pixels.
    pub size: UVec2,
    /// Screen pixels across one pixel of the art. Whole, so that all of them look the same.
    pub zoom: u32,
}

impl Default for View {
    fn default() -> Self {
        Self { size: VIEW, zoom: 1 }
    }
}

impl View {
    /// The upper left corner of a screen pixel, in units of the world, where y points up.
    pub fn to_world(&self, pixel: UVec2) -> Vec2 {
        let from_middle = pixel.as_vec2() - self.size.as_vec2() / 2.0;
        Vec2::new(from_middle.x, -from_middle.y) / self.zoom as f32
    }
}

fn spawn_camera(mut commands: Commands) {
    // Multisampling smooths edges; pixel art wants them sharp.
    commands.spawn((Name::new("camera"), Camera2d, Msaa::Off));
}

fn spawn_offscreen_camera(mut commands: Commands, mut images: ResMut<Assets<Image>>) {
    let mut image = Image::new_target_texture(VIEW.x, VIEW.y, TextureFormat::Rgba8UnormSrgb, None);
    image.texture_descriptor.usage |= TextureUsages::COPY_SRC; // a screenshot copies from it
    let target = RenderTarget::Image(images.add(image).into());
    commands.spawn((Name::new("camera"), Camera2d, Msaa::Off, target));
}

fn follow_window(window: Single<&Window>, mut view: ResMut<View>) {
    view.size = window.resolution.physical_size();
}

fn zoom(view: Res<View>, mut projection: Single<&mut Projection, With<Camera2d>>) {
    if let Projection::Orthographic(projection) = projection.as_mut() {
        projection.scale = 1.0 / view.zoom as f32;
    }
}
